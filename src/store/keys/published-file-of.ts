import { existsSync } from "node:fs";

import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { holdAuditEnd } from "../journal/audit-ends.ts";
import { listAllPublished } from "./certificates.ts";
import { eraseFromFile, startPublishedFile } from "./published-file.ts";
import { isPublicationHeld } from "./published-version.ts";
import type { Store } from "../store.ts";

/**
 * The file that keeps what is published, begun with what is there if it is not there yet. Undefined while publication is
 * held and there is none: a file that says less than was published would end the hold of the next restore.
 */
export async function publishedFileOf(store: Store): Promise<string | undefined> {
  const file = store.publishedFile;
  if (file === undefined || existsSync(file)) return file;
  if (await isPublicationHeld(store)) return undefined;
  const unserved = await store.db
    .selectFrom("published_certificates as published")
    .leftJoin("certificate_ids as ids", "ids.id", "published.fingerprint")
    .select("published.fingerprint")
    .where("ids.id", "is", null)
    .execute();
  const hidden = unserved.map(({ fingerprint }) => fingerprint as Fingerprint);
  await startPublishedFile(file, await listAllPublished(store), hidden);
  return file;
}

/**
 * Takes erased people out of the file once the erasure is committed: after a rollback their revocations must be in it.
 * The end of the audit log is held, as by those who append, so that no line is lost between reading and replacing.
 */
export async function eraseFromPublishedFile(
  store: Store,
  of: Parameters<typeof eraseFromFile>[1],
): Promise<void> {
  const file = store.publishedFile;
  if (file === undefined) return;
  await store.afterCommit(async (tx) => {
    await holdAuditEnd(tx, "");
    await eraseFromFile(file, of);
  });
}
