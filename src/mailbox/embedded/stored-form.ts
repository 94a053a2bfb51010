/**
 * How sealed mail is stored: the ciphertext as received, and the header with all octets around the ciphertext wrapped like
 * clear mail. Both together are the received octets.
 */
import type { Octets } from "../../base/large-octets.ts";
import type { Certificate } from "../../openpgp/certificates/certificate.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { type Decrypted, decrypt } from "../../openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../openpgp/messages/encrypt.ts";
import { bigEndian, cursorOver } from "../../openpgp/packets/cursor.ts";
import { putTogether, takeApart, takeApartAt } from "../../pgpmime/apart.ts";
import type { Range } from "../../pgpmime/range.ts";
import { readdress } from "../../pgpmime/readdress.ts";
import type { MailForm } from "../mailbox.ts";

const LENGTH_OCTETS = 4;

/** A message before it is stored. */
export type ToStore = {
  /** One after the other they are the message. */
  readonly pieces: readonly Uint8Array[];
  /** Where the ciphertext of a sealed message stands in it; undefined for clear mail. */
  readonly ciphertext: Range | undefined;
};

/** The body of its row, in pieces, encrypted to the keys that protect a mailbox. */
export async function bodyOfRow(
  o: ToStore & { readonly recipients: readonly Certificate[]; readonly now: Date },
): Promise<readonly Uint8Array[]> {
  const { pieces, ciphertext, recipients, now } = o;
  return bodyWith({ pieces, ciphertext }, async (data) =>
    encryptAtRest({ data, recipients, now, isOwn: true }),
  );
}

/** The same with another way to wrap. */
export async function bodyWith(
  { pieces, ciphertext }: ToStore,
  wrap: (clear: Octets) => Promise<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  if (ciphertext === undefined) return [await wrap(pieces)];
  const { around, sealed } = takeApartAt(pieces, ciphertext);
  return rowOf(await wrap(around), sealed);
}

/** The body of the row of a sealed message for the mailbox's own key alone; undefined when none of the keys opens it. */
export async function bodyForMailbox(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
  readonly recipient: Certificate;
  readonly now: Date;
}): Promise<readonly Uint8Array[] | undefined> {
  const { recipient, now } = o;
  const readdressed = await readdress(o);
  if (readdressed === undefined) return undefined;
  return sealedBody(readdressed, async (data) =>
    encryptAtRest({ data, recipients: [recipient], now, isOwn: true }),
  );
}

/** The body of a row of form `sealed`. */
export async function sealedBody(
  message: Uint8Array,
  wrap: (clear: Uint8Array) => Promise<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  const { around, ciphertext } = takeApart(message);
  return rowOf(await wrap(around), [ciphertext]);
}

/** The body of a row: how long what is wrapped is, that, then the ciphertext, of which no copy is made. */
export function rowOf(wrapped: Uint8Array, sealed: readonly Uint8Array[]): readonly Uint8Array[] {
  return [bigEndian(wrapped.length, LENGTH_OCTETS), wrapped, ...sealed];
}

/** A sealed message as it was received; what keeps its surroundings closed, if they do not open. */
export async function receivedForm({
  body,
  keys,
}: { readonly body: Uint8Array } & { readonly keys: readonly UnlockedKey[] }): Promise<
  | { readonly kind: "received"; readonly message: Uint8Array }
  | Exclude<Decrypted, { kind: "decrypted" }>
> {
  const pieces = piecesOf(body);
  if (pieces === undefined) return { kind: "damaged", reason: "its row is cut off" };
  const opened = await decrypt({ message: pieces.wrapped, keys });
  if (opened.kind !== "decrypted") return opened;
  const { ciphertext } = pieces;
  return { kind: "received", message: await putTogether({ around: opened.data, ciphertext }) };
}

/** A stored message as it was received; undefined when the keys do not open it. */
export async function receivedIn(
  { decrypt: open }: { readonly decrypt: typeof decrypt },
  {
    form,
    body,
    keys,
  }: { readonly body: Uint8Array } & {
    readonly form: MailForm;
    readonly keys: readonly UnlockedKey[];
  },
): Promise<Uint8Array | undefined> {
  if (form === "sealed") {
    const received = await receivedForm({ body, keys });
    return received.kind === "received" ? received.message : undefined;
  }
  const opened = await open({ message: body, keys });
  return opened.kind === "decrypted" ? opened.data : undefined;
}

/** What is wrapped in the body of a row of form `sealed`, and its ciphertext; undefined when it is cut off. */
export function piecesOf(
  body: Uint8Array,
): { readonly wrapped: Uint8Array; readonly ciphertext: Uint8Array } | undefined {
  const cursor = cursorOver(body);
  if (cursor.left() < LENGTH_OCTETS) return undefined;
  const length = cursor.number(LENGTH_OCTETS);
  if (cursor.left() < length) return undefined;
  return { wrapped: cursor.take(length), ciphertext: cursor.rest() };
}
