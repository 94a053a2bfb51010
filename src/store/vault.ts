import { fromUnixMs } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { wordFrom } from "./row.ts";
import type { Store } from "./store.ts";

/** The rows around a user master key. Everything that opens it is wrapped; what it means is for keys/ to say. */
export type MasterKeyRow = {
  readonly id: string;
  readonly owner: EmailAddress;
  readonly createdAt: Date;
};

/** What a slot opens with. */
export type SlotKind = "password" | "service";

/** The master key under one other key; `kdf` names how that one is made, `salt` is its salt. */
export type SlotRow = {
  readonly id: string;
  readonly masterKey: string;
  readonly kind: SlotKind;
  readonly version: number;
  readonly kdf: string;
  readonly salt: Uint8Array;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
};

/** A secret key under its master key; `address` in its canonical form. */
export type SecretKeyRow = {
  readonly fingerprint: Fingerprint;
  readonly masterKey: string;
  readonly address: string;
  readonly version: number;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
};

/** The generic revocation of a key under the service key; `owner` in its canonical form. */
export type GenericRevocationRow = {
  readonly fingerprint: Fingerprint;
  readonly owner: string;
  readonly version: number;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
};

const SLOT_KINDS: readonly SlotKind[] = ["password", "service"];

/** Adds the current master key of a user, who may not have one yet. */
export async function insertMasterKey(store: Store, row: MasterKeyRow): Promise<void> {
  const { id, owner, createdAt } = row;
  await store.db
    .insertInto("master_keys")
    .values({
      id,
      owner: canonicalAddress(owner),
      state: "current",
      created_at: createdAt.getTime(),
    })
    .execute();
}

/** The ID of the user's current master key. */
export async function findMasterKey(
  store: Store,
  owner: EmailAddress,
): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("master_keys")
    .select("id")
    .where("owner", "=", canonicalAddress(owner))
    .where("state", "=", "current")
    .executeTakeFirst();
  return row?.id;
}

export async function insertSlot(store: Store, row: SlotRow): Promise<void> {
  const { masterKey, createdAt, ...same } = row;
  await store.db
    .insertInto("slots")
    .values({ ...same, master_key: masterKey, created_at: createdAt.getTime() })
    .execute();
}

/** The slots of one kind around a master key, the newest first. */
export async function selectSlots(
  store: Store,
  masterKey: string,
  kind: SlotKind,
): Promise<readonly SlotRow[]> {
  const rows = await store.db
    .selectFrom("slots")
    .selectAll()
    .where("master_key", "=", masterKey)
    .where("kind", "=", kind)
    .orderBy("created_at", "desc")
    .orderBy("id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    masterKey: row.master_key,
    kind: wordFrom(SLOT_KINDS, row.kind),
    version: row.version,
    kdf: row.kdf,
    salt: row.salt,
    wrapped: row.wrapped,
    createdAt: fromUnixMs(row.created_at),
  }));
}

export async function insertSecretKey(store: Store, row: SecretKeyRow): Promise<void> {
  const { masterKey, createdAt, ...same } = row;
  await store.db
    .insertInto("secret_keys")
    .values({ ...same, master_key: masterKey, created_at: createdAt.getTime() })
    .execute();
}

/** The secret keys under a master key, the newest first. */
export async function selectSecretKeys(
  store: Store,
  masterKey: string,
): Promise<readonly SecretKeyRow[]> {
  const rows = await store.db
    .selectFrom("secret_keys")
    .selectAll()
    .where("master_key", "=", masterKey)
    .orderBy("created_at", "desc")
    .orderBy("fingerprint")
    .execute();
  return rows.map((row) => ({
    fingerprint: row.fingerprint as Fingerprint,
    masterKey: row.master_key,
    address: row.address,
    version: row.version,
    wrapped: row.wrapped,
    createdAt: fromUnixMs(row.created_at),
  }));
}

export async function insertGenericRevocation(
  store: Store,
  row: GenericRevocationRow,
): Promise<void> {
  const { createdAt, ...same } = row;
  await store.db
    .insertInto("generic_revocations")
    .values({ ...same, created_at: createdAt.getTime() })
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
  return row === undefined
    ? undefined
    : {
        fingerprint: row.fingerprint as Fingerprint,
        owner: row.owner,
        version: row.version,
        wrapped: row.wrapped,
        createdAt: fromUnixMs(row.created_at),
      };
}
