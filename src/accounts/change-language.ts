import { changeOwn, type OwnChange, type OwnChoice } from "../journal/change-own.ts";
import { updateAccount } from "../store/accounts/accounts.ts";
import type { Language } from "../words/language.ts";

/** A user's own language as it is to be; undefined: none, so that the installation's holds. */
export type LanguageWish = Pick<OwnChoice<Language>, "account" | "by"> & {
  readonly language: Language | undefined;
};

/** Sets or removes the language in which we write to a user, in one moment with its audit row. */
export async function changeLanguage(
  deps: Parameters<typeof changeOwn>[0],
  { account, language, by }: LanguageWish,
): Promise<OwnChange> {
  return changeOwn(deps, {
    account,
    to: language,
    by,
    action: "language.changed",
    none: "default",
    before: (read) => read.language,
    write: async (tx) => updateAccount(tx, account, { language: language ?? null }),
  });
}
