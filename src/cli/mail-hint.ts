import { shownCustody } from "../accounts/account-view.ts";
import type { ShownMail } from "../incoming/reading.ts";
import { text } from "../locales/locales.ts";
import type { Account, LastingCustody } from "../words/account.ts";

/** What is known of a message that shows nothing, and of its reader. */
export type NotShown = Pick<ShownMail, "state" | "absence"> & Pick<Account, "custody">;

/** Why a message shows nothing, and what to do. Empty for a message that shows something. */
export function hint(shown: NotShown): string {
  if (shown.absence === undefined) return "";
  const why = BY_STATE[shown.state]?.() ?? byAbsence(shown);
  return `; ${why}`;
}

/** What holds whether the mailbox is open or closed: no password of today opens these. */
const BY_STATE: Partial<Readonly<Record<string, () => string>>> = {
  LOCKED_OLD: () => `${text("mail.LOCKED_OLD")}: sealpost account recover ADDRESS --former`,
  DAMAGED: () => `${text("mail.DAMAGED")}; to try again: sealpost mail retry ADDRESS ID`,
  UNDECRYPTABLE: () =>
    `${text("mail.UNDECRYPTABLE")}; after importing the key: sealpost mail retry ADDRESS ID`,
  CLIENT_ONLY: () => text("mail.CLIENT_ONLY"),
  QUARANTINED: () => text("mail.QUARANTINED"),
};

function byAbsence({ state, absence, ...account }: NotShown): string {
  const custody = shownCustody(account);
  if (absence === "mailbox-closed") return `${text(`mail.closed.${custody}`)}${CLOSED[custody]}`;
  if (absence === "empty") return text("mail.empty");
  return state === "LOCKED"
    ? `${text("mail.failed")}; at once: sealpost mail retry ADDRESS ID`
    : `${text("mail.altered")} (sealpost key list ADDRESS)`;
}

/** What to do where the mailbox is closed: it is encrypted to a key of the account. */
const CLOSED: Readonly<Record<LastingCustody, string>> = {
  "unlocks-at-login": ": give the password with --password-stdin",
  "provider-usable": ": see sealpost key list ADDRESS",
  "user-device-only": "",
};
