/** What a user's rules say about a recipient, and how they are changed. */
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import {
  canonicalAddress,
  type Domain,
  type EmailAddress,
  parseAddress,
  parseDomain,
} from "../mail/address.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import {
  deleteContactRule,
  listContactRules,
  upsertContactRule,
} from "../store/accounts/contact-rules.ts";
import type { Standing } from "../store/accounts/standing.ts";
import type { Store } from "../store/store.ts";
import type { AccountId, Policy } from "../words/account.ts";
import { type Contact, type ContactRule, contactsOf } from "../words/contact.ts";
import {
  levelsOf,
  policyInForce,
  stricterOf,
  type PolicyLevels,
  type PolicySettings,
} from "./policy.ts";

/** The rules of one user. */
export type ContactRules = ReadonlyMap<Contact, ContactRule>;

/** What decides about the mail of one user: the levels without a contact, and their rules. */
export type SenderPolicy = {
  readonly levels: Omit<PolicyLevels, "contact">;
  /** What the domains have set: mail from an address of another domain than the login's is under the stricter of both. */
  readonly domains: PolicySettings["domains"];
  readonly rules: ContactRules;
};

/** What decides about the mail of a user now. Most users have no rules, and nothing more is read for them. */
export async function senderPolicy(
  store: Store,
  settings: PolicySettings,
  { account, hasRules }: Pick<Standing, "account" | "hasRules">,
): Promise<SenderPolicy> {
  const rules: ContactRules = hasRules ? await rulesOf(store, account.id) : new Map();
  return { levels: levelsOf(settings, account), domains: settings.domains, rules };
}

/** Maximum number of rules of a user. All of them are read with each message. */
const MAX_RULES = 1000;

const POLICIES: Readonly<Record<ContactRule, Policy | undefined>> = {
  always: "require",
  never: "off",
  ask: undefined,
};

/**
 * The policy for one recipient: the rule for their address counts before that for their domain. `from`: the domain that the
 * message is from, where it is known.
 */
export function policyTowards(
  { levels, domains, rules }: SenderPolicy,
  recipient: EmailAddress,
  from?: Domain,
): Policy {
  const [rule] = contactsOf(recipient).flatMap((contact) => rules.get(contact) ?? []);
  const contact = rule && POLICIES[rule];
  const policy = policyInForce({ ...levels, contact });
  if (from === undefined) return policy;
  return stricterOf(policy, policyInForce({ ...levels, domain: domains[from], contact }));
}

/** A contact as somebody writes it: an address, or a domain with `@` or without it. */
export function parseContact(text: string): Contact | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return canonicalAddress(address) as string as Contact;
  const domain = parseDomain(text.replace(/^@/, ""));
  return domain === undefined ? undefined : (`@${domain}` as Contact);
}

/** A rule as it is to be; undefined: none. */
export type RuleWish = {
  readonly account: AccountId;
  readonly contact: Contact;
  readonly rule: ContactRule | undefined;
  /** Who changes it, for the audit log. */
  readonly by: "operator";
};

/** What came of changing a rule. */
export type RuleChange =
  | { readonly kind: "changed" }
  /** It is that already, and nothing is written. */
  | { readonly kind: "unchanged" }
  /** The account was erased meanwhile. */
  | { readonly kind: "no-account" }
  | { readonly kind: "too-many-rules"; readonly max: number };

/** Sets or removes a rule, in one moment with its audit row. The audit log is kept for ever, so it does not name the contact. */
export async function changeRule(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { account, contact, rule, by }: RuleWish,
): Promise<RuleChange> {
  return store.transaction(async (tx) => {
    if (!(await lockAccount(tx, account))) return { kind: "no-account" };
    const rules = await rulesOf(tx, account);
    const before = rules.get(contact);
    if (before === rule) return { kind: "unchanged" };
    const now = clock.now();
    if (rule === undefined) await deleteContactRule(tx, account, contact);
    else {
      if (before === undefined && rules.size >= MAX_RULES) {
        return { kind: "too-many-rules", max: MAX_RULES };
      }
      await upsertContactRule(tx, account, { contact, rule, since: now });
    }
    const about = contact.startsWith("@") ? "domain" : "address";
    const detail = { about, from: before ?? NONE, to: rule ?? NONE, by };
    await appendAudit(tx, { at: now, action: "rule.changed", account, detail });
    return { kind: "changed" };
  });
}

/** In the audit log, in place of a rule. */
const NONE = "none";

/** The rules of a user. */
export async function rulesOf(store: Store, account: AccountId): Promise<ContactRules> {
  const rows = await listContactRules(store, account);
  return new Map(rows.map(({ contact, rule }) => [contact, rule]));
}
