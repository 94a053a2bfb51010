/** The file that keeps what is published, as the transactions of all processes on this host use it. */
import { existsSync } from "node:fs";

import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { holdName } from "../engine/named-lock.ts";
import type { LastStep, Store } from "../store.ts";
import { listAllPublished } from "./certificates.ts";
import { appendLines, eraseFromFile, startPublishedFile } from "./published-file.ts";
import { isPublicationHeld } from "./published-version.ts";

/** Those who append share it. Whoever begins or replaces the file holds it alone, so that no line is lost. */
const FILE = "published file";

/** Appends a line, in the caller's transaction: with all others, just before its commit. */
export async function appendToPublishedFile(store: Store, line: string): Promise<void> {
  if (store.publishedFile !== undefined) await store.atEnd(APPEND, line);
}

/** Lines are about one account or one certificate, whose rows are held. So the order of transactions does not matter. */
const APPEND: LastStep = {
  rank: 1,
  run: async (tx, lines) => {
    const file = await publishedFileOf(tx);
    if (file !== undefined) await appendLines(file, lines);
  },
};

/**
 * The file that keeps what is published, begun with what is there if it is not there yet. It stays what it is until the
 * caller's transaction ends. Undefined while publication is held and there is none: a file that says less than was published
 * would end the hold of the next restore.
 */
export async function publishedFileOf(store: Store): Promise<string | undefined> {
  const file = store.publishedFile;
  if (file === undefined) return undefined;
  if (existsSync(file)) await holdName(store, FILE, "shared");
  if (existsSync(file)) return file;
  await holdName(store, FILE, "alone");
  if (existsSync(file)) return file;
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
 */
export async function eraseFromPublishedFile(
  store: Store,
  of: Parameters<typeof eraseFromFile>[1],
): Promise<void> {
  const file = store.publishedFile;
  if (file === undefined) return;
  await store.afterCommit(async (tx) => {
    await holdName(tx, FILE, "alone");
    await eraseFromFile(file, of);
  });
}
