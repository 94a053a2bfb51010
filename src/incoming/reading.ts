/**
 * Shows a user's mail. Waiting messages are opened first when the keys are there. Nothing is ever asked of the network
 * because somebody reads.
 */
import { AppError } from "../base/errors.ts";
import { parseHeader } from "../mail/header.ts";
import { encodeTransfer } from "../mail/transfer-encoding.ts";
import { receivedForm } from "../mailbox/embedded/stored-form.ts";
import type { Mailbox, MailForm, MessageId, MessageVerdict } from "../mailbox/mailbox.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { readerView } from "../pgpmime/reader-view.ts";
import { readMessage, type WaitingMessage } from "../spool/spool.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { annotate } from "./annotate.ts";
import { openApart } from "./encrypted-part.ts";
import {
  keptEntry,
  verdictOf,
  waitingEntry,
  withVerdict,
  type MailListEntry,
} from "./mail-list.ts";
import { openPending, type PendingDeps } from "./pending.ts";
import { withReceipt } from "./receipt.ts";
import { sealedView } from "./sealed-view.ts";
import { partsOf, type ShownPart } from "./shown-parts.ts";
import { clearView, type ClearView } from "./signed.ts";

export type ReadingDeps = PendingDeps & {
  /** The keys of an account whose custody lets the provider use them; the caller disposes them. */
  readonly unlockWithService: (account: AccountId) => Promise<UnlockedKeys | undefined>;
  /** Key of the MAC in `E2E-Status`. */
  readonly statusKey: Uint8Array;
};

export type ShownMail = MailListEntry & {
  /** What the reader's program shows: protected headers, status on top. */
  readonly message: Uint8Array;
  /** The signed entity byte for byte; where no signature is verified, clear mail as it was received, or sent, with its receipt. */
  readonly raw: Uint8Array;
  readonly parts: readonly ShownPart[];
  /** Why there is no content; undefined where there is some. */
  readonly absence: Absence | undefined;
};

/** No key was there; the state forbids it; the content does not open with the keys; there is no octet in it. */
export type Absence = "mailbox-closed" | "withheld" | "unreadable" | "empty";

/** Where all keys are on the reader's own device, nothing is open here. */
export function isOpen(keys: UnlockedKeys | undefined): boolean {
  return keys !== undefined && keys.all.length > 0;
}

/** The mailbox of an account, with keys or without. */
export async function mailboxFor(
  deps: ReadingDeps,
  account: AccountId,
  keys: UnlockedKeys | undefined,
): Promise<Mailbox> {
  const address = await primaryAddress(deps.store, account);
  return deps.mailboxOf(deps.store, { id: account, address }, keys);
}

/** A message that waits or is in the mailbox, and how its content, or its octets as received, are had with keys. */
type Found = {
  readonly entry: MailListEntry;
  readonly content: (keys: UnlockedKeys) => Promise<ClearView | undefined>;
  readonly received: (keys: UnlockedKeys) => Promise<Uint8Array | undefined>;
};

/** Finds a message of an account; undefined: it has no such message. */
export async function findMail(
  deps: ReadingDeps,
  account: AccountId,
  id: string,
  keys: UnlockedKeys | undefined,
): Promise<Found | undefined> {
  const waiting = await readMessage(deps, account, id);
  if (waiting !== undefined) {
    return {
      entry: await waitingEntry(waiting, keys),
      content: async (open) => waitingContent(deps, waiting, open),
      received: async (open) => waitingReceived(waiting, open),
    };
  }
  const mailbox = await mailboxFor(deps, account, keys);
  const entry = await mailbox.entry(id as MessageId);
  if (entry === undefined) return undefined;
  const verdict = verdictOf(entry, isOpen(keys));
  const content = async (open: UnlockedKeys) => {
    const read = await mailbox.read(entry.id);
    return read.kind === "read" ? viewOf(deps, read, verdict, open) : undefined;
  };
  const received = async () => {
    const read = await mailbox.read(entry.id);
    return read.kind === "read" ? read.message : undefined;
  };
  return { entry: keptEntry(entry, isOpen(keys)), content, received };
}

/** Whose mail it is; without `keys`, which stay the caller's, those count that the provider may use. */
export type KeysOf = { readonly account: AccountId; readonly keys?: UnlockedKeys | undefined };

/** Does work for a reader, once what waits is opened and judged. `work` gets no keys where none are there. */
export async function withOpened<Outcome>(
  deps: ReadingDeps,
  { account, keys: given }: KeysOf,
  work: (keys: UnlockedKeys | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  using own = given === undefined ? await deps.unlockWithService(account) : undefined;
  const keys = given ?? own;
  if (keys !== undefined) await openPending(deps, account, keys);
  return await work(keys);
}

type AskedMail = KeysOf & {
  readonly id: string;
  /** The one ciphertext in the message is opened apart and shown in place of the message. */
  readonly isPart?: boolean;
};

/** Undefined: this account has no such message. Without keys only the list entry's facts are there, no content. */
export async function showMail(deps: ReadingDeps, o: AskedMail): Promise<ShownMail | undefined> {
  return withOpened(deps, o, async (keys) => shownWith(deps, o, keys));
}

async function shownWith(
  deps: ReadingDeps,
  o: AskedMail,
  keys: UnlockedKeys | undefined,
): Promise<ShownMail | undefined> {
  const found = await findMail(deps, o.account, o.id, keys);
  if (found === undefined) return undefined;
  const { entry } = found;
  const isHeldBack = isWithheld(entry);
  if (keys === undefined) return withoutContent(entry, "mailbox-closed");
  const content = isHeldBack ? undefined : await found.content(keys);
  if (content === undefined) return withoutContent(entry, isHeldBack ? "withheld" : "unreadable");
  const shown = o.isPart === true ? await partOf(deps, content, keys) : content;
  const { verdict } = shown;
  const judged = withVerdict(entry, verdict);
  if (shown.raw.length === 0) return withoutContent(judged, "empty");
  const { sent } = judged;
  const isWhole = shown.raw === shown.view;
  return {
    ...judged,
    // What was signed or encrypted stays as it is; anything else is the message.
    raw: isWhole ? withReceipt(shown.raw, sent) : shown.raw,
    message: annotate(
      withReceipt(shown.view, sent),
      verdict,
      await primaryAddress(deps.store, o.account),
      deps.statusKey,
    ),
    parts: partsOf(shown.view),
    absence: undefined,
  };
}

/** What ended the process, or could, is not opened again because somebody looks at it. */
export function isWithheld({ state }: Pick<MailListEntry, "state">): boolean {
  return ["LOCKED_OLD", "DAMAGED"].includes(state);
}

function withoutContent(entry: MailListEntry, absence: Absence): ShownMail {
  return { ...entry, message: new Uint8Array(), raw: new Uint8Array(), parts: [], absence };
}

/** @throws AppError when there is not exactly one part to open. */
async function partOf(
  deps: ReadingDeps,
  content: ClearView,
  keys: UnlockedKeys,
): Promise<ClearView> {
  const opened = await openApart(deps, content.raw, keys.all);
  if (opened === undefined) {
    throw new AppError("the message does not hold exactly one encrypted part", {
      temporary: false,
    });
  }
  const { payload, verdict } = opened;
  const { header } = parseHeader(content.view);
  const view = readerView(header, entityOf(payload), { from: "outer" });
  return { raw: payload, view, verdict };
}

/** A file that was encrypted is no text. */
function entityOf(payload: Uint8Array): Uint8Array {
  if (!payload.subarray(0, LOOKED_AT_OCTETS).includes(0)) return payload;
  const header =
    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  return Buffer.concat([Buffer.from(header), encodeTransfer(payload, "base64")]);
}

/** How much of what was encrypted is looked at to tell text from a file. */
const LOOKED_AT_OCTETS = 4096;

/** Nothing for what cannot or must not be opened: damaged and undecryptable mail has no readable content. */
async function waitingContent(
  deps: ReadingDeps,
  message: WaitingMessage,
  keys: UnlockedKeys,
): Promise<ClearView | undefined> {
  const { verdict } = message;
  if (message.form === "wrapped") return clearView(await unwrap(message.body, keys), verdict);
  const received = await waitingReceived(message, keys);
  return received && viewOf(deps, { form: "sealed", message: received }, verdict, keys);
}

async function waitingReceived(
  { form, body }: WaitingMessage,
  keys: UnlockedKeys,
): Promise<Uint8Array | undefined> {
  if (form === "wrapped") return unwrap(body, keys);
  const received = await receivedForm({ body, keys: keys.all });
  return received.kind === "received" ? received.message : undefined;
}

async function viewOf(
  deps: ReadingDeps,
  { form, message }: { readonly form: MailForm; readonly message: Uint8Array },
  verdict: MessageVerdict,
  keys: UnlockedKeys,
): Promise<ClearView | undefined> {
  if (form === "clear") return clearView(message, verdict);
  const opened = await deps.open({ message, keys: keys.all });
  if (opened.kind !== "opened") return undefined;
  const { header } = parseHeader(message);
  const view = sealedView(header, opened.payload, verdict);
  return { view, raw: opened.payload, verdict };
}

/** Decrypts what the mailbox keeps at rest: our own bytes, so failing is our own trouble. */
async function unwrap(wrapped: Uint8Array, keys: UnlockedKeys): Promise<Uint8Array> {
  const decrypted = await decrypt({ message: wrapped, keys: keys.all });
  if (decrypted.kind === "decrypted") return decrypted.data;
  throw new AppError("a stored message does not open with the account's keys", {
    temporary: false,
  });
}
