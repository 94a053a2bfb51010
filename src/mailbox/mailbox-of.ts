import type { Store } from "../store/store.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Account } from "../words/account.ts";
import type { Mailbox } from "./mailbox.ts";

/** Whose mailbox it is. */
export type MailboxOwner = Pick<Account, "id" | "address">;

/** Opens the mailbox of an account, with its reader's keys or without, for a store or one of its transactions. */
export type MailboxOf = (store: Store, owner: MailboxOwner, keys?: UnlockedKeys) => Mailbox;
