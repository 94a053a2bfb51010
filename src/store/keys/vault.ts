import { type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import { wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

/** `current` wraps what the account uses; a `former` one waits for its password, forgotten by its owner. */
export type MasterKeyState = "current" | "former";

/** The rows around a user master key. Everything that opens it is wrapped; what it means is for `vault/` to say. */
export type MasterKeyRow = {
  readonly id: string;
  readonly owner: AccountId;
  readonly createdAt: Date;
};

/** What a slot opens with; `provisional` is the service key's until the first login. */
export type SlotKind = "password" | "service" | "provisional" | "recovery" | "escrow";

/**
 * The master key under one other key; `kdf` names how that one is made, `salt` is its salt, `serviceKey` the service key
 * that took part ("" for none).
 */
export type SlotRow = {
  readonly id: string;
  readonly masterKey: string;
  readonly kind: SlotKind;
  readonly version: number;
  readonly kdf: string;
  readonly salt: Uint8Array;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
  readonly serviceKey: string;
  /** The generation of its account that it was made for (`vault/binding.ts`). */
  readonly generation: number;
};

/** `sealing` keys are published; a `mailbox` key protects mail at rest, and nobody outside knows it. */
export type KeyPurpose = "sealing" | "mailbox";

/** A secret key under its master key; `address` in its canonical form. */
export type SecretKeyRow = {
  readonly fingerprint: Fingerprint;
  readonly masterKey: string;
  readonly address: string;
  readonly version: number;
  readonly wrapped: Uint8Array;
  readonly createdAt: Date;
  readonly purpose: KeyPurpose;
};

const SLOT_KINDS: readonly SlotKind[] = [
  "password",
  "service",
  "provisional",
  "recovery",
  "escrow",
];
const PURPOSES: readonly KeyPurpose[] = ["sealing", "mailbox"];

/** Adds the current master key of a user, who may not have one yet. */
export async function insertMasterKey(store: Store, row: MasterKeyRow): Promise<void> {
  const { id, owner, createdAt } = row;
  await store.transaction(async (tx) => {
    await tx.db
      .insertInto("master_keys")
      .values({
        id,
        owner: owner,
        state: "current",
        created_at: createdAt.getTime(),
      })
      .execute();
    await noteKeys(tx, owner);
  });
}

/** Notes in the account whether it has a current master key, so that accounts without one are found by an index. */
async function noteKeys(tx: Store, owner: string): Promise<void> {
  const current = sql<number>`(select count(*) from master_keys
    where master_keys.owner = accounts.id and master_keys.state = 'current')`;
  await tx.db.updateTable("accounts").set({ has_keys: current }).where("id", "=", owner).execute();
}

/** The ID of the user's current master key. */
export async function findMasterKey(store: Store, owner: AccountId): Promise<string | undefined> {
  return (await listMasterKeys(store, owner, "current"))[0];
}

/** The IDs of the user's master keys in a state, the newest first. */
export async function listMasterKeys(
  store: Store,
  owner: AccountId,
  state: MasterKeyState,
): Promise<readonly string[]> {
  const rows = await selectMasterKeys(store, { owner, state }).execute();
  return rows.map(({ id }) => id);
}

const selectMasterKeys = compiled(
  (db, { owner, state }: { readonly owner: string; readonly state: string }) =>
    db
      .selectFrom("master_keys")
      .select("id")
      .where("owner", "=", owner)
      .where("state", "=", state)
      .orderBy("created_at", "desc")
      .orderBy("id"),
);

/** Parks a master key that cannot be opened now, with its slots and keys. */
export async function parkMasterKey(store: Store, id: string): Promise<void> {
  await store.transaction(async (tx) => {
    const parked = await tx.db
      .updateTable("master_keys")
      .set({ state: "former" })
      .where("id", "=", id)
      .returning("owner")
      .executeTakeFirst();
    if (parked !== undefined) await noteKeys(tx, parked.owner);
  });
}

/** Deletes a master key with its slots and what is still wrapped under it. */
export async function deleteMasterKey(store: Store, id: string): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.db.deleteFrom("slots").where("master_key", "=", id).execute();
    await tx.db.deleteFrom("secret_keys").where("master_key", "=", id).execute();
    const deleted = await tx.db
      .deleteFrom("master_keys")
      .where("id", "=", id)
      .returning("owner")
      .executeTakeFirst();
    if (deleted !== undefined) await noteKeys(tx, deleted.owner);
  });
}

export async function insertSlot(store: Store, row: SlotRow): Promise<void> {
  const { masterKey, createdAt, serviceKey, ...same } = row;
  await store.db
    .insertInto("slots")
    .values({
      ...same,
      master_key: masterKey,
      created_at: createdAt.getTime(),
      service_key: serviceKey,
    })
    .execute();
}

/** The slots around a master key, of one kind or of all, the newest first. */
export async function selectSlots(
  store: Store,
  masterKey: string,
  kind?: SlotKind,
): Promise<readonly SlotRow[]> {
  let query = store.db.selectFrom("slots").selectAll().where("master_key", "=", masterKey);
  if (kind !== undefined) query = query.where("kind", "=", kind);
  const rows = await query.orderBy("created_at", "desc").orderBy("id").execute();
  return rows.map(slotFrom);
}

/** Deletes the slots of one kind around a master key; says how many. */
export async function deleteSlots(
  store: Store,
  masterKey: string,
  kind: SlotKind,
): Promise<number> {
  const deleted = await store.db
    .deleteFrom("slots")
    .where("master_key", "=", masterKey)
    .where("kind", "=", kind)
    .executeTakeFirst();
  return Number(deleted.numDeletedRows);
}

/** Adds a secret key, or moves one that is here under another master key. */
export async function saveSecretKey(store: Store, row: SecretKeyRow): Promise<void> {
  const { masterKey, createdAt, ...same } = row;
  const values = { ...same, master_key: masterKey, created_at: createdAt.getTime() };
  await store.db
    .insertInto("secret_keys")
    .values(values)
    .onConflict((conflict) => conflict.column("fingerprint").doUpdateSet(values))
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
    purpose: wordFrom(PURPOSES, row.purpose),
  }));
}

/** Whether a secret key is kept here, under whichever master key. */
export async function hasSecretKey(store: Store, fingerprint: Fingerprint): Promise<boolean> {
  const row = await store.db
    .selectFrom("secret_keys")
    .select("fingerprint")
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
  return row !== undefined;
}

export function slotFrom(row: Selectable<Schema["slots"]>): SlotRow {
  return {
    id: row.id,
    masterKey: row.master_key,
    kind: wordFrom(SLOT_KINDS, row.kind),
    version: row.version,
    kdf: row.kdf,
    salt: row.salt,
    wrapped: row.wrapped,
    createdAt: fromUnixMs(row.created_at),
    serviceKey: row.service_key,
    generation: row.generation,
  };
}
