/**
 * Deferral: a message is accepted although it is not certain whether one of its recipients can be encrypted for. It waits
 * until that is certain, and never leaves in clear because of the doubt.
 *
 *     accept   sign while the sender's key is open; keep the original and what was signed under the queue key (`defer.ts`)
 *     retry    after 1, 5, 15, 30 and 60 minutes, then hourly: look up *all* recipients again, and decide again (`retry.ts`)
 *              all have certificates   encrypt the copies, and hand them on by the outbox
 *              one certainly has none  the policy decides, with the original: in clear, or a bounce
 *              still uncertain         wait on; after 4 hours the sender is told, after 24 hours it bounces
 *
 * The policy can only become stricter while a message waits: the one under which it was accepted still holds, and the one in
 * force now as well. A key that was revoked meanwhile signs nothing any more: its messages bounce, and their sender sends
 * them again. One that was merely replaced is still good for some days (`signer-now.ts`).
 *
 * Under policy `require` nothing is deferred: the client is told at RCPT to try again (docs/operate/configuration.md, "Mail that waits").
 */
import type { Clock } from "../../base/time.ts";
import type { Domain, EmailAddress } from "../../mail/address.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import type { Store } from "../../store/store.ts";
import type { Language } from "../../words/language.ts";
import type { Wrapped } from "../outbox.ts";

/** Signs the payload of a message, or of the copy of a blind reader: a binary OpenPGP message that is not encrypted. */
export type SignMessage = (request: {
  readonly message: Uint8Array;
  readonly signer: UnlockedKey;
  readonly blindReader: EmailAddress | undefined;
  readonly legacyDisplay: boolean;
  readonly now: Date;
}) => Promise<Uint8Array>;

/** Where deferred messages are kept. */
export type Keeping = {
  readonly store: Store;
  readonly clock: Clock;
  readonly hostname: Domain;
  /** The installation's language, for users who have none of their own. */
  readonly language: () => Language;
  /** Encrypts a copy for the next hop under the queue key; `id` is bound to the bytes. */
  readonly wrap: (id: string, bytes: Uint8Array) => Promise<Wrapped>;
  /** The same for the parts of a message that waits. None of them opens as a copy. */
  readonly parts: {
    readonly wrap: (name: string, bytes: Uint8Array) => Promise<Wrapped>;
    readonly unwrap: (name: string, wrapped: Wrapped) => Promise<Uint8Array>;
  };
};
