/**
 * Lists and shows a user's mail. Waiting messages are opened first when the keys are there. Nothing is ever asked of the network
 * because somebody reads.
 */
import { AppError } from "../base/errors.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { parseHeader } from "../mail/header.ts";
import { encodeTransfer } from "../mail/transfer-encoding.ts";
import { listMessages, readMessage } from "../mailbox/embedded.ts";
import type { StoredMessage } from "../mailbox/mailbox.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { annotate } from "./annotate.ts";
import { listEntry, type MailListEntry } from "./mail-list.ts";
import { openPending, type PendingDeps } from "./pending.ts";
import { readerView } from "../pgpmime/reader-view.ts";
import { openApart } from "./encrypted-part.ts";
import { sealedView } from "./sealed-view.ts";
import { partsOf, type ShownPart } from "./shown-parts.ts";
import { receivedForm } from "../mailbox/embedded/stored-form.ts";
import { clearView, type ClearView } from "./signed.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import type { AccountId } from "../words/account.ts";

export type ReadingDeps = PendingDeps & {
  /** The keys of an account whose custody lets the provider use them; the caller disposes them. */
  readonly unlockWithService: (account: AccountId) => Promise<UnlockedKeys | undefined>;
  /** Key of the MAC in `E2E-Status`. */
  readonly statusKey: Uint8Array;
};

export type ShownMail = MailListEntry & {
  /** What the reader's program shows: protected headers, status on top. */
  readonly message: Uint8Array;
  /** The signed entity byte for byte; where no signature is verified, clear mail as it was received. */
  readonly raw: Uint8Array;
  readonly parts: readonly ShownPart[];
  /** Why there is no content; undefined where there is some. */
  readonly absence: Absence | undefined;
};

/** No key was there; the state forbids it; the content does not open with the keys; there is no octet in it. */
export type Absence = "mailbox-closed" | "withheld" | "unreadable" | "empty";

/** Newest first. Without keys nothing is opened; with keys what waits is opened and judged first. */
export async function listMail(
  deps: ReadingDeps,
  o: { readonly account: AccountId; readonly keys?: UnlockedKeys },
): Promise<readonly MailListEntry[]> {
  using own = o.keys === undefined ? await deps.unlockWithService(o.account) : undefined;
  const keys = o.keys ?? own;
  if (keys !== undefined) await openPending(deps, o.account, keys);
  const messages = await listMessages(deps.store, o.account);
  return Promise.all(messages.map((message) => listEntry(message, keys)));
}

/** Undefined: this account has no such message. Without keys only the list entry's facts are there, no content. */
export async function showMail(
  deps: ReadingDeps,
  o: {
    readonly account: AccountId;
    readonly id: string;
    readonly keys?: UnlockedKeys;
    /** The one ciphertext in the message is opened apart and shown in place of the message. */
    readonly isPart?: boolean;
  },
): Promise<ShownMail | undefined> {
  using own = o.keys === undefined ? await deps.unlockWithService(o.account) : undefined;
  const keys = o.keys ?? own;
  if (keys !== undefined) await openPending(deps, o.account, keys);
  const message = await readMessage(deps.store, o.account, o.id);
  if (message === undefined) return undefined;
  const entry = await listEntry(message, keys);
  // What ended the process, or could, is not opened again because somebody looks at it.
  const isWithheld = ["LOCKED_OLD", "DAMAGED"].includes(entry.state);
  if (keys === undefined) return withoutContent(entry, "mailbox-closed");
  const content = isWithheld ? undefined : await contentOf(deps, message, keys);
  if (content === undefined) return withoutContent(entry, isWithheld ? "withheld" : "unreadable");
  const shown = o.isPart === true ? await partOf(deps, content, keys) : content;
  const { verdict } = shown;
  const judged = await listEntry({ ...message, verdict }, keys);
  if (shown.raw.length === 0) return withoutContent(judged, "empty");
  return {
    ...judged,
    raw: shown.raw,
    message: annotate(
      shown.view,
      verdict,
      await primaryAddress(deps.store, o.account),
      deps.statusKey,
    ),
    parts: partsOf(shown.view),
    absence: undefined,
  };
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
async function contentOf(
  deps: ReadingDeps,
  message: StoredMessage,
  keys: UnlockedKeys,
): Promise<ClearView | undefined> {
  if (message.form === "wrapped") {
    const clear = await unwrap(message.body, keys);
    return clearView(clear, message.verdict);
  }
  const received = await receivedForm({ body: message.body, keys: keys.all });
  if (received.kind !== "received") return undefined;
  const opened = await deps.open({ message: received.message, keys: keys.all });
  if (opened.kind !== "opened") return undefined;
  const { header } = parseHeader(received.message);
  const view = sealedView(header, opened.payload, message.verdict);
  return { view, raw: opened.payload, verdict: message.verdict };
}

/** Decrypts what the mailbox keeps at rest: our own bytes, so failing is our own trouble. */
async function unwrap(wrapped: Uint8Array, keys: UnlockedKeys): Promise<Uint8Array> {
  const decrypted = await decrypt({ message: wrapped, keys: keys.all });
  if (decrypted.kind === "decrypted") return decrypted.data;
  throw new AppError("a stored message does not open with the account's keys", {
    temporary: false,
  });
}
