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
  LOCKED_OLD: () => text("mail.retry-hint.LOCKED_OLD", { why: text("mail.LOCKED_OLD") }),
  DAMAGED: () => text("mail.retry-hint.DAMAGED", { why: text("mail.DAMAGED") }),
  UNDECRYPTABLE: () => text("mail.retry-hint.UNDECRYPTABLE", { why: text("mail.UNDECRYPTABLE") }),
  CLIENT_ONLY: () => text("mail.CLIENT_ONLY"),
  QUARANTINED: () => text("mail.QUARANTINED"),
};

function byAbsence({ state, absence, ...account }: NotShown): string {
  const custody = shownCustody(account);
  if (absence === "mailbox-closed") return CLOSED[custody](text(`mail.closed.${custody}`));
  if (absence === "empty") return text("mail.empty");
  return state === "LOCKED"
    ? text("mail.retry-hint.failed", { why: text("mail.failed") })
    : text("mail.retry-hint.altered", { why: text("mail.altered") });
}

/** What to do where the mailbox is closed: it is encrypted to a key of the account. */
const CLOSED: Readonly<Record<LastingCustody, (why: string) => string>> = {
  "unlocks-at-login": (why) => text("mail.open-hint.unlocks-at-login", { why }),
  "provider-usable": (why) => text("mail.open-hint.provider-usable", { why }),
  "user-device-only": (why) => why,
};
