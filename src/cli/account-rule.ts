/** `account rule`: what a user wants for those whom they write to. */
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import { changeRule, parseContact, rulesOf } from "../policy/contact-rules.ts";
import { CONTACT_RULES, type Contact, type ContactRule } from "../words/contact.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  UsageError,
} from "./command.ts";
import { openFor } from "./open.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";

/** Removes a rule. */
const NONE = "none";

export const accountRuleCommands: readonly Command[] = [
  {
    name: "account rule",
    operands: ["ADDRESS", "[CONTACT]", "[RULE]"],
    summary: `set the user's rule for an address or a whole domain (${CONTACT_RULES.join(", ")}; ${NONE} removes it), or show all`,
    options: {},
    run: rule,
  },
];

async function rule(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, contactText, ruleText] = call.operands;
  const wish = contactText === undefined ? undefined : wishIn(contactText, ruleText);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (wish !== undefined) {
    const done = await changeRule(vault, { ...wish, account: account.id, by: "operator" });
    if (done.kind === "no-account" || done.kind === "too-many-rules") throw refused(done, address);
  }
  const rules = [...(await rulesOf(vault.store, account.id))];
  const view = rules.map(([contact, of]) => ({ contact, rule: of }));
  return answer(call, { address: formatAddress(address), rules: view }, [
    ...view.map((one) => `${one.rule.padEnd(7)} ${printable(one.contact)}`),
    ...(view.length === 0 ? [text("account.rules.none", { address: formatAddress(address) })] : []),
  ]);
}

/** @throws UsageError when one of the two is none */
function wishIn(
  contactText: string,
  ruleText: string | undefined,
): { readonly contact: Contact; readonly rule: ContactRule | undefined } {
  const [contact] = readingsOf(contactText).flatMap((reading) => parseContact(reading) ?? []);
  if (contact === undefined) {
    throw new UsageError(
      `${JSON.stringify(contactText)} is neither an address nor a domain, such as bob@beta.example or @beta.example`,
    );
  }
  const wanted = CONTACT_RULES.find((name) => name === ruleText);
  if (wanted === undefined && ruleText !== NONE) {
    throw new UsageError(`a rule is one of: ${CONTACT_RULES.join(", ")}, ${NONE}`);
  }
  return { contact, rule: wanted };
}
