import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { CONTACT_RULES, type Contact, type ContactRule } from "../../words/contact.ts";
import { compiled } from "../engine/compiled.ts";
import { wordFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";

/** What a user wants for a contact, and since when. */
export type ContactRuleRow = {
  readonly contact: Contact;
  readonly rule: ContactRule;
  readonly since: Date;
};

/** The rules of an account, in the order of their contacts. */
export async function listContactRules(
  store: Store,
  account: AccountId,
): Promise<readonly ContactRuleRow[]> {
  const rows = await selectRules(store, { account }).execute();
  return rows.map(({ contact, rule, since }) => ({
    contact: contact as Contact,
    rule: wordFrom(CONTACT_RULES, rule),
    since: fromUnixMs(since),
  }));
}

const selectRules = compiled((db, { account }: { readonly account: string }) =>
  db
    .selectFrom("contact_rules")
    .select(["contact", "rule", "since"])
    .where("account", "=", account)
    .orderBy("contact"),
);

/** Sets a rule in place of the one that there was. To be used in a transaction that holds the account. */
export async function upsertContactRule(
  tx: Store,
  account: AccountId,
  { contact, rule, since }: ContactRuleRow,
): Promise<void> {
  const values = { rule, since: since.getTime() };
  await tx.db
    .insertInto("contact_rules")
    .values({ account, contact, ...values })
    .onConflict((conflict) => conflict.columns(["account", "contact"]).doUpdateSet(values))
    .execute();
  await noteRules(tx, account);
}

/** Removes a rule. To be used in a transaction that holds the account. */
export async function deleteContactRule(
  tx: Store,
  account: AccountId,
  contact: Contact,
): Promise<void> {
  await tx.db
    .deleteFrom("contact_rules")
    .where("account", "=", account)
    .where("contact", "=", contact)
    .execute();
  await noteRules(tx, account);
}

/** Whoever has no rules is not asked for them with each message. */
async function noteRules(tx: Store, account: AccountId): Promise<void> {
  const row = await tx.db
    .selectFrom("contact_rules")
    .select("contact")
    .where("account", "=", account)
    .limit(1)
    .executeTakeFirst();
  await tx.db
    .updateTable("accounts")
    .set({ has_rules: row === undefined ? 0 : 1 })
    .where("id", "=", account)
    .execute();
}
