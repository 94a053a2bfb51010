/** The attachments of a draft, which are stored apart from its text (docs/adr/0034-sent-copies-and-drafts.md). */
import { asBuffer } from "../../base/bytes.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { isShown, type MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { AccountId } from "../../words/account.ts";
import type { MessageId, StoredFiles } from "../mailbox.ts";
import { openBlob, storedIn } from "./draft-rows.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { summaryIn } from "./entries.ts";
import type { MailboxKeys } from "./mailbox-keys.ts";

type At = { readonly account: AccountId; readonly keys: MailboxKeys };

/** Reads all of them as they are at one time. What was altered in the database is `damaged`. */
export async function readStoredFiles(
  deps: EmbeddedDeps,
  { account, keys }: At,
  id: MessageId,
): Promise<StoredFiles> {
  const [row] = await selectById(deps.store, account, [id]);
  if (row === undefined || !isShown(row)) return { kind: "no-message" };
  const summary = await summaryIn(deps, row, keys);
  if (summary === undefined) return { kind: "closed" };
  const files = [];
  for (const { name, stored } of storedIn(summary)) {
    const octets = await openBlob(deps, keys, stored).catch((error: unknown) => {
      // The octets may be gone because the draft was changed; else they are missing.
      return { error };
    });
    const isThere = octets instanceof Uint8Array;
    if (!isThere && (await isChanged(deps, account, row))) {
      return readStoredFiles(deps, { account, keys }, id);
    }
    if (octets !== undefined && !isThere) throw octets.error;
    if (octets === undefined) return { kind: "damaged" };
    files.push({ name, contentType: stored.contentType, octets });
  }
  return { kind: "files", files };
}

async function isChanged(
  { store }: EmbeddedDeps,
  account: AccountId,
  row: MailboxRow,
): Promise<boolean> {
  const [now] = await selectById(store, account, [row.id]);
  return now === undefined || !asBuffer(now.summary).equals(row.summary);
}
