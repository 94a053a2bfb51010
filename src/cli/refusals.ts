/**
 * What the command line says where something was refused: the text, which users read in other places as well, what to do about
 * it here, and the exit code. The table has a line for each kind, so that a new kind does not compile before it has its words.
 */
import { AppError } from "../base/errors.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { UnsafeRoot } from "../mailbox/files/source-places.ts";
import { explainRefusal } from "../openpgp/imports/import-secret-key.ts";
import { printable } from "./command.ts";
import { hint } from "./mail-hint.ts";
import type { Refusal } from "./refusal.ts";

type Kind = Refusal["kind"];

/** Why something was refused, and what to do about it. */
type Saying = readonly [why: string, whatToDo?: string];

type Sayings = {
  readonly [K in Kind]: (refusal: Refusal & { readonly kind: K }, address: string) => Saying;
};

const SAYINGS: Sayings = {
  "no-account": (_, address) => [text("refusal.no-account", { address })],
  "address-is-alias": ({ account }, address) => [
    text("refusal.address-is-alias", { address, account: formatAddress(account) }),
  ],
  "account-closed": (_, address) => [
    text("refusal.account-closed", { address }),
    "open it again first: sealpost account reopen",
  ],
  "not-closed": (_, address) => [text("refusal.not-closed", { address })],
  "releases-stopped": () => [
    text("refusal.releases-stopped"),
    "look who did it (sealpost audit list) and why; if it was meant: sealpost key revocations --go-on",
  ],
  "address-taken": ({ as }) => [text(`refusal.address-taken.${as}`)],
  "address-shadowed": ({ base }) => [
    text("refusal.address-shadowed", { base: formatAddress(base) }),
  ],
  "address-shadows": ({ other }) => [
    text("refusal.address-shadows", { other: formatAddress(other) }),
  ],
  "address-reserved": () => [text("refusal.address-reserved")],
  "address-not-own": () => [text("refusal.address-not-own")],
  "no-alias": () => [text("refusal.no-alias")],
  "no-key": (_, address) => [text("refusal.no-key", { address })],
  "no-such-key": (_, address) => [text("refusal.no-such-key", { address })],
  "no-active-key": (_, address) => [text("refusal.no-active-key", { address })],
  "no-key-yet": (_, address) => [
    text("refusal.no-key-yet", { address }),
    "to make it now: sealpost account enrol",
  ],
  "no-key-here": (_, address) => [text("refusal.no-key-here", { address })],
  "keys-here-already": (_, address) => [text("refusal.keys-here-already", { address })],
  "key-on-device": (_, address) => [
    text("refusal.key-on-device", { address }),
    `sealpost account custody ${address} user makes one, key import --public brings another of theirs`,
  ],
  "key-known": () => [text("refusal.key-known")],
  "key-kept-here": () => [text("refusal.key-kept-here")],
  "own-address-first": () => [text("refusal.own-address-first")],
  "unusable-certificate": ({ reason }) => [text("refusal.unusable-certificate", { reason })],
  "import-refused": ({ reason }) => [
    text("refusal.import-refused", { explanation: explainRefusal(reason), reason }),
  ],
  "not-proven": () => [text("refusal.not-proven")],
  "secret-key-not-here": () => [text("refusal.secret-key-not-here")],
  "revocation-of-other-key": () => [text("refusal.revocation-of-other-key")],
  "revocation-of-no-key": () => [text("refusal.revocation-of-no-key")],
  "password-needed": (_, address) => [
    text("refusal.password-needed", { address }),
    "give it with --password-stdin",
  ],
  "opens-no-key": () => [
    text("refusal.opens-no-key"),
    "a forgotten one: sealpost account recover, or account reset",
  ],
  "wrong-password": (_, address) => [
    text("refusal.wrong-password", { address }),
    "sealpost account reset sets one",
  ],
  "wrong-recovery-code": () => [text("refusal.wrong-recovery-code")],
  "wrong-escrow": () => [text("refusal.wrong-escrow"), "if a reset parked those, add --former"],
  "opens-no-parked-key": ({ by }) => [
    text(by === "escrow" ? "refusal.wrong-parked-escrow" : "refusal.opens-no-parked-key"),
  ],
  "escrow-is-not-theirs": () => [text("refusal.escrow-is-not-theirs")],
  "no-escrow": () => [
    text("refusal.no-escrow"),
    "keys that a reset parked: sealpost account escrow ADDRESS show --former",
  ],
  "no-parked-escrow": () => [text("refusal.no-parked-escrow")],
  "mailbox-closed": () => [
    text("refusal.mailbox-closed"),
    "give the password of the account: --password-stdin",
  ],
  "no-message": ({ id }) => [
    text("refusal.no-message", { id: printable(id) }),
    "see: sealpost mail list",
  ],
  "no-folder": ({ name }) => [
    text("refusal.no-folder", { name: printable(name) }),
    "see: sealpost mail folders; names of the user's own folders need --password-stdin",
  ],
  "no-mail-here": ({ path }) => [text("refusal.no-mail-here", { path: printable(path) })],
  "source-unsafe": ({ path, why, leadsTo }) => [
    text(`refusal.source-unsafe.${why}`, { path: printable(path) }),
    unsafeHint(why, printable(path), printable(leadsTo)),
  ],
  "folder-refused": ({ name, why }) => [
    text("refusal.folder-refused", { name: printable(name) }),
    why === "too-many"
      ? "a mailbox has no room for more folders; give one for all with --folder"
      : "give another name with --folder",
  ],
  "target-taken": ({ path, why }) => [
    text(`refusal.target-taken.${why}`, { path: printable(path) }),
    TAKEN[why] ?? "name a folder that is not there yet",
  ],
  "not-removed": ({ id }) => [
    text("refusal.not-removed", { id: printable(id) }),
    "it takes the whole ID, within an hour",
  ],
  "message-waits": ({ id, isOpen }) => [
    text("refusal.message-waits", { id: printable(id) }),
    isOpen
      ? "it comes there once its author's keyserver has answered, or after three days"
      : "give the password with --password-stdin, and it is opened first",
  ],
  "not-retryable": ({ id }) => [text("refusal.not-retryable", { id: printable(id) })],
  "nothing-to-show": ({ shown }) => [
    text("refusal.nothing-to-show", { state: shown.state, hint: hint(shown) }),
  ],
  "too-many-rules": ({ max }) => [
    text("refusal.too-many-rules", { max }),
    "a rule for a domain is for all of its addresses",
  ],
  "not-deferred": ({ name }) => [
    text("refusal.not-deferred", { name }),
    "see: sealpost deferred list; what became of it: sealpost trace",
  ],
  "several-deferred": ({ name }) => [
    text("refusal.several-deferred", { name }),
    "give the ID of one: sealpost deferred list",
  ],
  "nothing-recorded": ({ name }) => [
    text("refusal.nothing-recorded", { name: printable(name) }),
    "is it the Message-ID, or the name in an SMTP reply, and not older than 30 days?",
  ],
  "rotated-just-now": () => [
    "the service key was rotated less than ten minutes ago, and something may still be written under the former one",
    "try again later",
  ],
  "former-key-in-use": ({ processes }) => [
    `the former service key is still used by ${processes.join(", ")}`,
    "copy the service key and its .former file to these hosts, or stop them, then try again after ten minutes",
  ],
  "rows-unreadable": ({ rows }) => [
    `${String(rows)} rows open with none of the service keys; the former ones are kept`,
  ],
};

function unsafeHint(why: UnsafeRoot["why"], path: string, leadsTo: string): string {
  switch (why) {
    case "link":
      return `if this is what was meant, name it without the link: ${leadsTo}`;
    case "hard-link":
      return "look whose file it is; if this is what was meant, copy it, and name the copy";
    case "open-to-others":
      return `look who wrote there, then run: chmod -R o-w ${path}`;
  }
}

/** What to do where an export cannot be written. */
const TAKEN: Readonly<Record<string, string>> = {
  "open-to-others": "take their rights away first: chmod 700",
  busy: "wait for its end",
  link: "name it without the link",
};

/** Where the same may be done in a while: exit code 75. Every other refusal is exit code 1. */
const TEMPORARY: ReadonlySet<Kind> = new Set(["rotated-just-now", "former-key-in-use"]);

/** What is about no address. */
type OfNobody = Refusal & {
  readonly kind:
    | "nothing-recorded"
    | "not-deferred"
    | "several-deferred"
    | "rotated-just-now"
    | "former-key-in-use"
    | "rows-unreadable";
};

/** What ends a command whose wish was refused; `address` is the one that it is about. */
export function refused(refusal: Refusal, address: EmailAddress): AppError;
export function refused(refusal: OfNobody): AppError;
export function refused(refusal: Refusal, address?: EmailAddress): AppError {
  const given = address === undefined ? "" : formatAddress(address);
  const words = say(refusal.kind, refusal, given);
  return new AppError(words.join("; "), { temporary: TEMPORARY.has(refusal.kind) });
}

function say<K extends Kind>(
  kind: K,
  refusal: Refusal & { readonly kind: K },
  address: string,
): Saying {
  return SAYINGS[kind](refusal, address);
}
