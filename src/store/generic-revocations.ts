import type { Selectable } from "kysely";

import { fromUnixMs } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { canonicalAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import type { Schema } from "./schema.ts";
import type { Store } from "./store.ts";

/**
 * The generic revocation of a key under the service key that `serviceKey` names; `owner` in its canonical form, empty
 * when his account was deleted. No bytes of `wrapped` and no `serviceKey`: the key is on its owner's device, and so is its
 * revocation.
 */
export type GenericRevocationRow = {
  readonly fingerprint: Fingerprint;
  readonly owner: string;
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
  const { createdAt, serviceKey, ...same } = row;
  const values = { ...same, created_at: createdAt.getTime(), service_key: serviceKey };
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
  owner: EmailAddress,
): Promise<readonly GenericRevocationRow[]> {
  const rows = await store.db
    .selectFrom("generic_revocations")
    .selectAll()
    .where("owner", "=", canonicalAddress(owner))
    .orderBy("fingerprint")
    .execute();
  return rows.map(fromRow);
}

/**
 * When an account is deleted, in the caller's transaction: its keys have ended, and their certificates are not those of who
 * has its address next.
 */
export async function disownGenericRevocations(store: Store, owner: EmailAddress): Promise<void> {
  await store.db
    .updateTable("generic_revocations")
    .set({ owner: NOBODY, wrapped: new Uint8Array(), service_key: "" })
    .where("owner", "=", canonicalAddress(owner))
    .execute();
}

export function fromRow(row: Selectable<Schema["generic_revocations"]>): GenericRevocationRow {
  return {
    fingerprint: row.fingerprint as Fingerprint,
    owner: row.owner,
    version: row.version,
    wrapped: row.wrapped,
    createdAt: fromUnixMs(row.created_at),
    serviceKey: row.service_key,
  };
}
