/**
 * How sealed mail is stored: the ciphertext as received, and the header with all octets around the ciphertext wrapped like
 * clear mail. Both together are the received octets.
 */
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import type { StoredMessage } from "../mailbox/mailbox.ts";
import { bigEndian, cursorOver } from "../openpgp/cursor.ts";
import { type Decrypted, decrypt } from "../openpgp/decrypt.ts";
import { putTogether, type Range, takeApart, takeApartAt } from "../pgpmime/apart.ts";

const LENGTH_OCTETS = 4;

/**
 * The body of a row of form `sealed`: how long what is wrapped is, that, then the ciphertext. `at`: where the ciphertext
 * stands, if that is known.
 */
export async function sealedBody(
  message: Uint8Array,
  wrap: (clear: Uint8Array) => Promise<Uint8Array>,
  at?: Range,
): Promise<Uint8Array> {
  const { around, ciphertext } = at === undefined ? takeApart(message) : takeApartAt(message, at);
  const wrapped = await wrap(around);
  return Buffer.concat([bigEndian(wrapped.length, LENGTH_OCTETS), wrapped, ciphertext]);
}

/** A sealed message as it was received; what keeps its surroundings closed, if they do not open. */
export async function receivedForm(
  { form, body }: Pick<StoredMessage, "form" | "body">,
  keys: Pick<UnlockedKeys, "all">,
): Promise<
  | { readonly kind: "received"; readonly message: Uint8Array }
  | Exclude<Decrypted, { kind: "decrypted" }>
> {
  // Rows of earlier versions hold the message in one piece.
  if (form === "as-received-sealed") return { kind: "received", message: body };
  const pieces = piecesOf(body);
  if (pieces === undefined) return { kind: "damaged", reason: "its row is cut off" };
  const opened = await decrypt({ message: pieces.wrapped, keys: keys.all });
  if (opened.kind !== "decrypted") return opened;
  const { ciphertext } = pieces;
  return { kind: "received", message: putTogether({ around: opened.data, ciphertext }) };
}

function piecesOf(
  body: Uint8Array,
): { readonly wrapped: Uint8Array; readonly ciphertext: Uint8Array } | undefined {
  const cursor = cursorOver(body);
  if (cursor.left() < LENGTH_OCTETS) return undefined;
  const length = cursor.number(LENGTH_OCTETS);
  if (cursor.left() < length) return undefined;
  return { wrapped: cursor.take(length), ciphertext: cursor.rest() };
}
