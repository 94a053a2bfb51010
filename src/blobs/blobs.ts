/**
 * Blobs: the bodies of stored messages, kept in the database or in a folder as the installation is configured.
 *
 * A blob is an octet string under a random name that is never given again. It never changes. Its row (`store/mail/blobs.ts`)
 * says whose it is, how long it is and where its octets are, so that old blobs stay readable when the configuration changes.
 *
 * A row without its octets would be a lost message. Octets without a row only take room. Hence the order of all work here:
 *
 *     put      the octets are durable (file, folder), then the row is written in the transaction of the message
 *     remove   the row is deleted, the transaction is committed, then the octets are deleted
 *     sweep    octets that no row names are deleted: a crash, or a refused message, left them
 *
 * A sweep and a put may meet: the octets are there, their row is not yet. Therefore a sweep leaves alone what is younger than
 * an hour. Clocks jump and processes are suspended, so age alone is not trusted. A transaction that writes such a row holds a
 * lock that it shares with its like, and looks whether the octets are still there. A sweep deletes while it holds the lock
 * alone. So either the sweep sees the row, or the transaction sees that its octets are gone, and fails.
 *
 * `database.ts` and `folder.ts` are the places. `test/contract/blobs.ts` says what each of them must do.
 */
import type { Octets } from "../base/large-octets.ts";
import type { Clock } from "../base/time.ts";
import {
  readBlob,
  type BlobPlace,
  type GoneBlob,
  type NewBlob,
  type PutBlob,
} from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import { putInDatabase } from "./database.ts";
import { openFolder, type Looked } from "./folder.ts";
import type { Swept } from "./sweep.ts";

/** Where bodies are kept. */
export type BlobStore = {
  /** Where new octets are put. */
  readonly bodies: BlobPlace;
  /**
   * Prepares octets for the row that `insertMailboxMessage` writes. Whoever writes none removes it again, or leaves that to
   * a sweep.
   * @throws AppError (temporary) when they cannot be made durable.
   */
  readonly put: (octets: Octets) => Promise<PutBlob>;
  /**
   * The octets of a blob, as many as its row says; undefined when it was deleted.
   * @throws MissingOctets, which says what to do, when they are missing, cut short or longer.
   */
  readonly read: (id: string) => Promise<Uint8Array | undefined>;
  /** Deletes what has no row any more. Never rejects: a sweep does what could not be done now. */
  readonly remove: (gone: readonly GoneBlob[]) => Promise<void>;
  /** Deletes some of what has no row and is older than an hour. The next call goes on where this one ended. */
  readonly sweep: () => Promise<Swept>;
  /** Looks whether the octets of some blobs are where their rows say, outside of the database; others at each call. */
  readonly lookAtSome: (count: number) => Promise<Looked>;
  /**
   * The octets that there is room for; undefined where the disk is the database's.
   * @throws AppError when bodies cannot be kept at all.
   */
  readonly roomBytes: () => Promise<number | undefined>;
};

/** Deletes octets that were put for a row which was not written. Where that is not known they stay, and a sweep will know. */
export async function discardBlob(
  { blobs }: { readonly blobs: Pick<BlobStore, "remove"> },
  blob: NewBlob,
): Promise<void> {
  if ("place" in blob) await blobs.remove([blob]);
}

/** Where bodies are kept, as it is configured: `bodies` is for new ones, `bodiesFolder` for what is in files. */
export type BlobPlaces = { readonly bodies: BlobPlace; readonly bodiesFolder: string };

/** Opens the places of an installation. Nothing is made before the first body is put. */
export function openBlobs(
  deps: { readonly store: Store; readonly clock: Clock },
  { bodies, bodiesFolder }: BlobPlaces,
): BlobStore {
  const { store } = deps;
  const folder = openFolder(deps, bodiesFolder);
  return {
    bodies,
    put: bodies === "folder" ? folder.put : putInDatabase,
    read: async (id) => {
      const content = await readBlob(store, id);
      if (content === undefined || content.place === "database") return content?.octets;
      return folder.read(id, content.sizeBytes);
    },
    remove: async (gone) =>
      folder.remove(gone.flatMap(({ id, place }) => (place === "folder" ? [id] : []))),
    // Files from the time of another configuration are swept as well.
    sweep: folder.sweep,
    lookAtSome: folder.lookAtSome,
    roomBytes: async () => (bodies === "folder" ? folder.roomBytes() : undefined),
  };
}
