/** The version of the published view: one number that rises with each change, and is negative while publication is held. */
import { holdAuditEnd } from "../journal/audit-ends.ts";
import { HELD, type Store } from "../store.ts";

/** Rises with every change of the published view: an answer kept under an older number is out of date. */
export async function publishedVersion(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("published_version")
    .select("version")
    .executeTakeFirstOrThrow();
  return row.version;
}

/**
 * Counts a change of the published view; in the caller's transaction. The end of the audit log is taken first. Otherwise two
 * transactions that change the keys of different users, one logging before its change and one after, wait for each other.
 */
export async function countChange(store: Store): Promise<void> {
  await holdAuditEnd(store, "");
  await store.db
    .updateTable("published_version")
    .set((expression) => ({ version: expression("version", "+", 1) }))
    .execute();
}

/** Keeps the keyserver from serving anything, or lets it again: after a restore that may have un-revoked keys. */
export async function holdPublication(store: Store, isHeld: boolean): Promise<void> {
  if ((await isPublicationHeld(store)) === isHeld) return;
  await store.db
    .updateTable("published_version")
    .set((row) => ({ version: row("version", isHeld ? "-" : "+", HELD) }))
    .execute();
}

export async function isPublicationHeld(store: Store): Promise<boolean> {
  return (await publishedVersion(store)) < 0;
}
