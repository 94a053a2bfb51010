import { sql } from "kysely";

import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { addressFrom } from "./row.ts";
import type { Store } from "./store.ts";

/** An address in use, and whose it is. */
export type TakenAddress = { readonly address: EmailAddress; readonly account: EmailAddress };

/** The accounts and aliases that are `x+y` to an `x` (RFC 5233 §1). */
export async function listSubaddresses(
  store: Store,
  base: EmailAddress,
): Promise<readonly TakenAddress[]> {
  const canonical = canonicalAddress(base);
  const at = canonical.lastIndexOf("@");
  const [local, domain] = [canonical.slice(0, at), canonical.slice(at)];
  const pattern = `${escaped(local)}+%${escaped(domain)}`;
  const accounts = await store.db
    .selectFrom("accounts")
    .select(["mailbox", "mailbox as owner"])
    .where(sql<boolean>`accounts.address like ${pattern} escape '\\'`)
    .execute();
  const aliases = await store.db
    .selectFrom("aliases")
    .innerJoin("accounts", "accounts.address", "aliases.account")
    .select(["aliases.mailbox as mailbox", "accounts.mailbox as owner"])
    .where(sql<boolean>`aliases.address like ${pattern} escape '\\'`)
    .execute();
  return [...accounts, ...aliases].map(({ mailbox, owner }) => ({
    address: addressFrom(mailbox),
    account: addressFrom(owner),
  }));
}

function escaped(text: string): string {
  return text.replaceAll(/[\\%_]/g, String.raw`\$&`);
}
