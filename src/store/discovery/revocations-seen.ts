import { fromUnixMs } from "../../base/time.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { Store } from "../store.ts";

/** A valid revocation that a keyserver once served: of which key, why and when. Whose key it was is not kept. */
export type RevocationSeen = {
  readonly fingerprint: Fingerprint;
  /** The reason code that it gives. */
  readonly reason: number;
  readonly at: Date;
};

/** Remembers a revocation for ever; the first one that was seen of a key stays, unless a hard one follows a soft one. */
export async function rememberRevocation(
  store: Store,
  seen: RevocationSeen,
  isHard: (reason: number) => boolean,
): Promise<void> {
  const { fingerprint, reason, at } = seen;
  const values = { reason, at: at.getTime() };
  const known = await readRevocation(store, fingerprint);
  if (known !== undefined && (isHard(known.reason) || !isHard(reason))) return;
  const insert = store.db.insertInto("revocations_seen").values({ fingerprint, ...values });
  await (
    known === undefined && !isHard(reason)
      ? insert.onConflict((conflict) => conflict.doNothing())
      : insert.onConflict((conflict) => conflict.column("fingerprint").doUpdateSet(values))
  ).execute();
}

export async function readRevocation(
  store: Store,
  fingerprint: Fingerprint,
): Promise<RevocationSeen | undefined> {
  const row = await store.db
    .selectFrom("revocations_seen")
    .select(["reason", "at"])
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
  return row && { fingerprint, reason: row.reason, at: fromUnixMs(row.at) };
}
