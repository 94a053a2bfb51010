import type { ShownMail } from "../incoming/reading.ts";
import type { Account } from "../words/account.ts";

/** What is known of a message that shows nothing, and of its reader. */
export type NotShown = Pick<ShownMail, "state" | "absence"> & Pick<Account, "custody">;

/** Why a message shows nothing, and what to do. Empty for a message that shows something. */
export function hint(shown: NotShown): string {
  if (shown.absence === undefined) return "";
  const why = BY_STATE[shown.state] ?? byAbsence(shown);
  return `; ${why}`;
}

/** What holds whether the mailbox is open or closed: no password of today opens these. */
const BY_STATE: Partial<Readonly<Record<string, string>>> = {
  LOCKED_OLD:
    "it opens with the former password or recovery code: sealpost account recover ADDRESS --former",
  DAMAGED: "what was damaged or altered is not shown; to try again: sealpost mail retry ADDRESS ID",
  UNDECRYPTABLE:
    "no key of the account opens it, or its form is not supported; after importing the key: sealpost mail retry ADDRESS ID",
  CLIENT_ONLY: "only the key on the user's own device opens it: open it there",
  QUARANTINED: "it was removed",
};

function byAbsence({ state, absence, custody }: NotShown): string {
  if (absence === "mailbox-closed") return CLOSED[custody];
  if (absence === "empty") return "it is empty";
  return state === "LOCKED"
    ? "opening it failed for now and is tried again; at once: sealpost mail retry ADDRESS ID"
    : "what is stored of it does not open with the account's keys: it was altered in the database, or a key is missing (sealpost key list ADDRESS)";
}

/** Why the mailbox is closed: it is encrypted to a key of the account. */
const CLOSED: Readonly<Record<Account["custody"], string>> = {
  "unlocks-at-login":
    "the mailbox is closed, because only the password opens it: give the password with --password-stdin",
  "provider-usable":
    "the mailbox is closed, because no key of the account opens here: see sealpost key list ADDRESS",
  "user-device-only":
    "the mailbox is closed, because only the key on the user's own device opens it: open it there",
};
