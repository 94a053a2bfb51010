/** Bodies of messages as their rows name them. A conversion may put another blob in the place of the one that was read of. */
import { selectById } from "../../store/mailbox/listing.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { AccountId } from "../../words/account.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";

/**
 * The octets of a message as they are stored; undefined when it was deleted.
 * @throws AppError (temporary) as `BlobStore.read` does.
 */
export async function readBody(
  { store, blobs }: Pick<EmbeddedDeps, "store" | "blobs">,
  account: AccountId,
  { id, blob }: Pick<MailboxRow, "id" | "blob">,
): Promise<Uint8Array | undefined> {
  try {
    const body = await blobs.read(blob);
    if (body !== undefined) return body;
  } catch (error) {
    // A file is gone a moment after its row.
    if ((await blobOf(store, account, id)) === blob) throw error;
  }
  const now = await blobOf(store, account, id);
  if (now === undefined || now === blob) return undefined;
  return readBody({ store, blobs }, account, { id, blob: now });
}

async function blobOf(
  store: EmbeddedDeps["store"],
  account: AccountId,
  id: string,
): Promise<string | undefined> {
  const [row] = await selectById(store, account, [id]);
  return row?.blob;
}
