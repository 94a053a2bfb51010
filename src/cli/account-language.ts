import { changeLanguage } from "../accounts/change-language.ts";
import { text } from "../locales/locales.ts";
import { LANGUAGES } from "../words/language.ts";
import { viewOf } from "./account.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";

/** In place of a language of the user's own: none, so that the installation's holds. */
const DEFAULT = "default";

/** `account language`. */
export const accountLanguageCommand: Command = {
  name: "account language",
  operands: ["ADDRESS", "[LANGUAGE]"],
  summary: `set the language of bounces and notices to the user (${LANGUAGES.join(", ")}; ${DEFAULT}: the installation's), or show it`,
  options: {},
  run: language,
};

async function language(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, given] = call.operands;
  const wanted = LANGUAGES.find((name) => name === given);
  if (given !== undefined && given !== DEFAULT && wanted === undefined) {
    throw new UsageError(`a language is one of: ${LANGUAGES.join(", ")}, ${DEFAULT}`);
  }
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (given !== undefined) {
    const wish = { account: account.id, language: wanted, by: "operator" } as const;
    const done = await changeLanguage(vault, wish);
    if (done.kind === "no-account") throw refused(done, address);
  }
  const view = await viewOf(vault, await accountOf(vault, address));
  return answer(call, view, [
    text("account.language", {
      address: view.address,
      own: view.language ?? "none",
      language: view.languageInForce,
    }),
  ]);
}
