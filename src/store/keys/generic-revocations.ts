import type { Selectable } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

/**
 * The generic revocation of a key under the service key that `serviceKey` names. `owner` is undefined when the account was
 * deleted. An empty `wrapped` and `serviceKey`: the key is on its owner's device, and so is its revocation.
 */
export type GenericRevocationRow = {
  readonly fingerprint: Fingerprint;
  readonly owner: AccountId | undefined;
  readonly version: number;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
  readonly serviceKey: string;
};

const NOBODY = "";

/** Adds a revocation, in place of the one that is there. */
export async function saveGenericRevocation(
  store: Store,
  row: GenericRevocationRow,
): Promise<void> {
  const { owner, createdAt, serviceKey, ...same } = row;
  const values = {
    ...same,
    owner: owner ?? NOBODY,
    created_at: createdAt.getTime(),
    service_key: serviceKey,
  };
  await store.db
    .insertInto("generic_revocations")
    .values(values)
    .onConflict((conflict) => conflict.column("fingerprint").doUpdateSet(values))
    .execute();
}

export async function selectGenericRevocation(
  store: Store,
  fingerprint: Fingerprint,
): Promise<GenericRevocationRow | undefined> {
  const row = await store.db
    .selectFrom("generic_revocations")
    .selectAll()
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
  return row === undefined ? undefined : fromRow(row);
}

/** The revocations of all keys that an account has or had. */
export async function listGenericRevocations(
  store: Store,
  owner: AccountId,
): Promise<readonly GenericRevocationRow[]> {
  const rows = await store.db
    .selectFrom("generic_revocations")
    .selectAll()
    .where("owner", "=", owner)
    .orderBy("fingerprint")
    .execute();
  return rows.map(fromRow);
}

/**
 * When an account is deleted, in the caller's transaction: its keys have ended, and the next holder of the address must not
 * inherit their certificates.
 */
export async function disownGenericRevocations(store: Store, owner: AccountId): Promise<void> {
  await store.db
    .updateTable("generic_revocations")
    .set({ owner: NOBODY, wrapped: new Uint8Array(), service_key: "" })
    .where("owner", "=", owner)
    .execute();
}

export function fromRow(row: Selectable<Schema["generic_revocations"]>): GenericRevocationRow {
  return {
    fingerprint: row.fingerprint as Fingerprint,
    owner: row.owner === NOBODY ? undefined : (row.owner as AccountId),
    version: row.version,
    wrapped: row.wrapped,
    createdAt: fromUnixMs(row.created_at),
    serviceKey: row.service_key,
  };
}
