/**
 * The audit log is a chain for each shard, so that events of different accounts need not wait for each other. All entries
 * of an account are in one shard. How many shards there are is part of the format.
 *
 * Locks are taken in this order, so that no two transactions wait for each other:
 *
 *     account -> shard of the account -> address -> rows -> shard of entries without account -> published file -> version
 *
 * The shard of entries without an account is the last one. Its end is also the lock under which releases of revocations
 * are counted (`keys/releases.ts`) and heads are signed (`journal/audit-heads.ts`).
 */
import { createHash } from "node:crypto";

/** How many shards the accounts share; a power of two. */
const ACCOUNT_SHARDS = 64;

/** The shard of entries without an account. */
export const LAST_SHARD = ACCOUNT_SHARDS;

/** Every shard in the order in which a transaction may hold them. */
export const SHARDS: readonly number[] = Array.from(
  { length: ACCOUNT_SHARDS + 1 },
  (_, shard) => shard,
);

/** The shard of an account's entries; of those without an account (""), the last one. */
export function shardOf(account: string): number {
  if (account === "") return LAST_SHARD;
  return createHash("sha256").update(account).digest().readUInt8(0) % ACCOUNT_SHARDS;
}
