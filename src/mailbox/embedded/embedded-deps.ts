import type { Octets } from "../../base/large-octets.ts";
import type { Clock } from "../../base/time.ts";
import type { BlobStore } from "../../blobs/blobs.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import type { Decrypted } from "../../openpgp/messages/decrypt.ts";
import type { Store } from "../../store/store.ts";
import type { MailboxOwner } from "../mailbox-of.ts";
import type { MailForm } from "../mailbox.ts";
import type { MadeSegment, SegmentMember } from "../search/made-segment.ts";
import type { TermText } from "../search/terms.ts";
import type { bodyForMailbox, bodyOfRow, ToStore } from "./stored-form.ts";
import type { MailboxWatch } from "./watch.ts";

/** What a mailbox in our own database works with. */
export type EmbeddedDeps = {
  readonly store: Store;
  readonly clock: Clock;
  /** Where bodies are kept. */
  readonly blobs: Pick<BlobStore, "bodies" | "put" | "read" | "remove">;
  /** How long a removed message can be restored. */
  readonly undoMs: number;
  readonly watch: MailboxWatch;
  /** Encrypts to the key pair that protects the account's mailbox. */
  readonly wrapFor: (account: MailboxOwner, data: Octets) => Promise<Uint8Array>;
  /** The same for a whole message, as its body is stored. */
  readonly bodyFor: (account: MailboxOwner, message: ToStore) => Promise<readonly Uint8Array[]>;
  /** Encrypts to key pairs of the reader that are open, where that keeps nobody waiting. */
  readonly bodyOfRow: typeof bodyOfRow;
  readonly bodyForMailbox: typeof bodyForMailbox;
  readonly decrypt: (request: {
    readonly message: Uint8Array;
    readonly keys: readonly UnlockedKey[];
  }) => Promise<Decrypted>;
  /**
   * The terms of the text of a message, for the index: the message is as received, so that a sealed one is still to be
   * opened. There are none where nothing can be read. @throws only for a trouble that passes: the message is indexed later
   * then.
   */
  readonly textTermsOf: (
    received: Uint8Array,
    form: MailForm,
    keys: readonly UnlockedKey[],
  ) => Promise<TermText>;
  /** Makes a segment of the index, where that keeps nobody waiting. */
  readonly segmentOf: (members: readonly SegmentMember[]) => Promise<MadeSegment>;
};
