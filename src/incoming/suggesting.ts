/** Rules for contacts that a reader's mail suggests (`mailbox/lists-written-to.ts`). Nobody sets them but the user. */
import type { Clock } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { listsWrittenTo } from "../mailbox/lists-written-to.ts";
import { rulesOf } from "../policy/contact-rules.ts";
import { type Contact, type ContactRule, contactsOf } from "../words/contact.ts";
import { auditReading, keysOf, type Reader } from "./audited-reading.ts";
import { isOpen, withOpened, type ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };

export type Suggestion = { readonly contact: Contact; readonly rule: ContactRule };

export type Suggestions =
  | { readonly kind: "suggestions"; readonly suggestions: readonly Suggestion[] }
  | { readonly kind: "mailbox-closed" };

/**
 * `never` for each mailing list that the reader writes to, and for which they have no rule. Where the mailbox is read without
 * the owner's password the audit log says so, as of a list of mail.
 */
export async function suggestRulesFor(deps: Deps, reader: Reader): Promise<Suggestions> {
  return withOpened(deps, keysOf(reader), async (open) => {
    if (!isOpen(open)) return { kind: "mailbox-closed" };
    const mailbox = deps.mailboxOf(deps.store, reader.account, open);
    // Conversations are found by the index.
    await mailbox.catchUp();
    const found = await listsWrittenTo(mailbox);
    if (found.kind === "closed") return { kind: "mailbox-closed" };
    await auditReading(deps, reader, "mail.listed", {});
    const rules = await rulesOf(deps.store, reader.account.id);
    const suggestions = found.lists.flatMap((list) => {
      const address = parseAddress(list);
      const contacts = address === undefined ? [] : contactsOf(address);
      const [contact] = contacts;
      const isRuled = contacts.some((one) => rules.has(one));
      return contact === undefined || isRuled ? [] : [{ contact, rule: "never" } as const];
    });
    return { kind: "suggestions", suggestions };
  });
}
