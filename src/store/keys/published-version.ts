/** The version of the published view: one number that rises with each change, and is negative while publication is held. */
import type { LastStep, Store } from "../store.ts";

/** Far below what counting changes of the published view reaches: below zero nothing is published. */
const HELD = 2 ** 50;

/** Rises with every change of the published view: an answer kept under an older number is out of date. */
export async function publishedVersion(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("published_version")
    .select("version")
    .executeTakeFirstOrThrow();
  return row.version;
}

/**
 * Counts a change of the published view, in the caller's transaction: once, just before its commit. Every other change waits
 * for this row, so it is held for no longer than the commit takes.
 */
export async function countChange(store: Store): Promise<void> {
  await store.atEnd(COUNT);
}

const COUNT: LastStep = {
  rank: 2,
  run: async (tx) => {
    await tx.db
      .updateTable("published_version")
      .set((expression) => ({ version: expression("version", "+", 1) }))
      .execute();
  },
};

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
