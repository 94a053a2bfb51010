/**
 * The body of a stored message for the key pair that is in force. What was sealed keeps its encrypted content octet for octet;
 * only the keys that open it are others, as if it came today (`bodyForMailbox`).
 */
import { isProgramFault, TooCostly } from "../../base/errors.ts";
import type { Octets } from "../../base/large-octets.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { putTogether } from "../../pgpmime/apart.ts";
import type { MailForm, ResultState } from "../mailbox.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { isLeftClosed } from "./entries.ts";
import type { MailboxKeys } from "./mailbox-keys.ts";
import { piecesOf, rowOf } from "./stored-form.ts";

type Deps = Pick<EmbeddedDeps, "clock" | "decrypt" | "bodyOfRow" | "bodyForMailbox">;

/** A body as it is stored, of a message of this form and state. */
type Stored = { readonly form: MailForm; readonly state: ResultState; readonly body: Uint8Array };

/** "present": it is for that key pair already. "closed": no key here opens it. "unreadable": it is not to be opened, or damaged. */
export type PresentBody =
  | { readonly kind: "present" }
  | { readonly kind: "closed" | "unreadable" }
  | { readonly kind: "converted"; readonly octets: Octets };

/** The body for the key pair `present`. What `body` is given in may be gone afterwards. */
export async function bodyForPresent(
  deps: Deps,
  { keys, present }: { readonly keys: MailboxKeys; readonly present: UnlockedKey },
  stored: Stored,
): Promise<PresentBody> {
  try {
    return await (stored.form === "sealed" ? sealed : clear)(deps, { keys, present }, stored);
  } catch (error) {
    // Nothing is known about such a message, and the others do not wait for it.
    if (error instanceof TooCostly || isProgramFault(error)) return { kind: "unreadable" };
    throw error;
  }
}

type Pair = { readonly keys: MailboxKeys; readonly present: UnlockedKey };

async function clear(deps: Deps, { keys, present }: Pair, { body }: Stored): Promise<PresentBody> {
  const opened = await deps.decrypt({ message: body, keys: keys.unlocked });
  if (opened.kind !== "decrypted") return { kind: closedBy(opened) };
  if (opened.keyFingerprint === present.fingerprint) return { kind: "present" };
  return { kind: "converted", octets: await wrap(deps, present, opened.data) };
}

async function sealed(
  deps: Deps,
  { keys, present }: Pair,
  { body, state }: Stored,
): Promise<PresentBody> {
  const pieces = piecesOf(body);
  if (pieces === undefined) return { kind: "unreadable" };
  const { wrapped, ciphertext } = pieces;
  const opened = await deps.decrypt({ message: wrapped, keys: keys.unlocked });
  if (opened.kind !== "decrypted") return { kind: closedBy(opened) };
  const around = opened.data;
  const isAroundPresent = opened.keyFingerprint === present.fingerprint;
  if (isLeftClosed(state)) return isAroundPresent ? { kind: "present" } : { kind: "unreadable" };
  const message = await putTogether({ around, ciphertext });
  const request = { message, recipient: present.certificate, now: deps.clock.now() };
  // Only opening it shows whether the key that a message names does open it.
  const isSealedNow = (await deps.bodyForMailbox({ ...request, keys: keys.sealing })) !== undefined;
  if (isSealedNow && isAroundPresent) return { kind: "present" };
  if (isSealedNow) {
    const [anew = new Uint8Array()] = await wrap(deps, present, around);
    return { kind: "converted", octets: rowOf(anew, [ciphertext]) };
  }
  const octets = await deps.bodyForMailbox({ ...request, keys: keys.unlocked });
  return octets === undefined ? { kind: "closed" } : { kind: "converted", octets };
}

async function wrap(
  deps: Deps,
  present: UnlockedKey,
  data: Uint8Array,
): Promise<readonly Uint8Array[]> {
  const recipients = [present.certificate];
  return deps.bodyOfRow({
    pieces: [data],
    ciphertext: undefined,
    recipients,
    now: deps.clock.now(),
  });
}

function closedBy({ kind }: { readonly kind: string }): "closed" | "unreadable" {
  return kind === "no-key" ? "closed" : "unreadable";
}
