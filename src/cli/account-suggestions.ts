/** `account suggestions`: rules for contacts that a user's mail suggests. */
import { suggestRulesFor } from "../incoming/suggesting.ts";
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { asReader, PASSWORD } from "./mail-reader.ts";
import { refused } from "./refusals.ts";

export const accountSuggestionsCommand: Command = {
  name: "account suggestions",
  operands: ["ADDRESS"],
  summary: "rules that the user's mail suggests: never, for mailing lists that they write to",
  options: PASSWORD,
  run: suggestions,
};

async function suggestions(call: Call): Promise<ExitCode> {
  return asReader(call, async (deps, reader) => {
    const found = await suggestRulesFor(deps, reader);
    const { address } = reader.account;
    if (found.kind === "mailbox-closed") throw refused(found, address);
    const own = formatAddress(address);
    const lines = found.suggestions.map(({ contact, rule }) =>
      text("suggestions.set", { rule, contact: printable(contact), address: own }),
    );
    const none = lines.length === 0 ? [text("suggestions.none", { address: own })] : [];
    return answer(call, { address: own, suggestions: found.suggestions }, [...lines, ...none]);
  });
}
