/**
 * What a thief of a database, of its files or of a backup does with it: every key that they can think of, tried on every
 * wrapping and then on the mail. The right key among the guesses opens the mail by the same way. This shows a test that
 * the attempt was a real one.
 */
import { argon2Sync, createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "../../src/base/secret.ts";
import { deriveKey, unwrap } from "../../src/vault/wrap.ts";
import { unwrapSecretKey } from "../../src/vault/wrapped-rows.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import type { Fingerprint } from "../../src/openpgp/packets/fingerprint.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import type { Store } from "../../src/store/store.ts";
import {
  selectSecretKeys,
  slotFrom,
  type SecretKeyRow,
  type SlotRow,
} from "../../src/store/keys/vault.ts";
import type { AccountId } from "../../src/words/account.ts";

export type Loot = {
  /** Each value of each row. */
  readonly values: readonly Buffer[];
  readonly slots: readonly (SlotRow & { readonly owner: AccountId })[];
  readonly secretKeys: readonly (SecretKeyRow & { readonly owner: AccountId })[];
  readonly copies: readonly { readonly id: string; readonly wrapped: Uint8Array }[];
};

/** What the tries came to; `master` are the IDs of owners. */
export type Burgled = {
  readonly master: readonly string[];
  readonly keys: readonly UnlockedKey[];
  readonly copies: readonly string[];
  readonly tried: number;
};

const KEY_BYTES = 32;
/** Those of the service key that wrap what is in the loot. */
const PURPOSES = ["slots", "queue"];

/** Reads every table. */
export async function lootFrom(store: Store): Promise<Loot> {
  const values: Buffer[] = [];
  for (const { name } of await store.db.introspection.getTables()) {
    const rows = await store.db
      .selectFrom(name as "slots")
      .selectAll()
      .execute();
    for (const value of rows.flatMap((row) => Object.values(row) as unknown[])) {
      values.push(value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)));
    }
  }
  const owners = new Map<string, AccountId>();
  const secretKeys: Loot["secretKeys"][number][] = [];
  for (const { id, owner: text } of await store.db
    .selectFrom("master_keys")
    .selectAll()
    .execute()) {
    const owner = text as AccountId;
    owners.set(id, owner);
    const rows = await selectSecretKeys(store, id);
    secretKeys.push(...rows.map((row) => ({ ...row, owner })));
  }
  const slots = (await store.db.selectFrom("slots").selectAll().execute()).flatMap((row) => {
    const owner = owners.get(row.master_key);
    return owner === undefined ? [] : [{ ...slotFrom(row), owner }];
  });
  const copies = await store.db.selectFrom("outbox").select(["id", "wrapped"]).execute();
  return { values, slots, secretKeys, copies };
}

/** Every file in a folder and below, but for what is in folders called `except`. */
export async function filesIn(dir: string, except: string): Promise<readonly Buffer[]> {
  const files: Buffer[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isFile()) files.push(await readFile(path));
    else if (entry.isDirectory() && entry.name !== except) {
      files.push(...(await filesIn(path, except)));
    }
  }
  return files;
}

/** Every 32 octets of every value, each value's hash, texts of keys as octets, and all that follows from each as a root. */
export function guesses(values: readonly Buffer[]): ReadonlyMap<string, Secret> {
  const found = new Map<string, Secret>();
  const add = (bytes: Uint8Array): void => {
    const key = Buffer.from(bytes);
    if (key.length === KEY_BYTES) found.set(key.toString("latin1"), new Secret(key));
  };
  for (const value of values) {
    add(createHash("sha256").update(value).digest());
    for (let at = 0; at + KEY_BYTES <= value.length; at += 1) {
      add(value.subarray(at, at + KEY_BYTES));
    }
    const text = value.toString("latin1");
    if (/^[0-9a-f]{64}$/i.test(text)) add(Buffer.from(text, "hex"));
    if (/^[\w+/=-]{43,44}$/.test(text)) add(Buffer.from(text, "base64"));
  }
  return found;
}

/** Tries them all as keys of slots, as master keys, as service keys and as keys of the queue. */
export async function burgle(loot: Loot, keys: Iterable<Secret>): Promise<Burgled> {
  const master = new Set<string>();
  const raw = new Map<Fingerprint, Secret>();
  const copies = new Set<string>();
  /** What is left of a password slot when the service key is known. */
  const inner = new Map<string, readonly Uint8Array[]>();
  let tried = 0;
  const asMaster = (key: Secret): void => {
    for (const row of loot.secretKeys) {
      const opened = unwrapSecretKey(key, row, row.owner);
      if (opened === undefined) continue;
      master.add(row.owner);
      raw.set(row.fingerprint, opened);
    }
  };
  const asWrapping = (key: Secret): void => {
    for (const slot of loot.slots) {
      const { id, masterKey, kind, version, kdf, generation } = slot;
      const rest = [masterKey, id, kind, String(version), kdf, String(generation)];
      const context = ["slot", slot.owner, ...rest];
      for (const wrapped of [slot.wrapped, ...(inner.get(id) ?? [])]) {
        const opened = unwrap(key, wrapped, context);
        if (opened !== undefined) asMaster(opened);
      }
      const outer = unwrap(key, slot.wrapped, ["outer", ...context]);
      if (outer !== undefined) inner.set(id, [outer.reveal()]);
    }
    for (const { id, wrapped } of loot.copies) {
      if (unwrap(key, wrapped, ["outbox", id]) !== undefined) copies.add(id);
    }
  };
  for (const key of keys) {
    tried += 1;
    asMaster(key);
    asWrapping(key);
    for (const purpose of PURPOSES) {
      using derived = deriveKey(key, `service|${purpose}`);
      asWrapping(derived);
    }
  }
  const opened = await Promise.all([...raw.values()].map(async (one) => readSecretKey(one)));
  return { master: [...master].toSorted(), keys: opened, copies: [...copies], tried };
}

/** Whether a message opens with one of these keys. */
export async function opens(message: Uint8Array, keys: readonly UnlockedKey[]): Promise<boolean> {
  return keys.length > 0 && (await decrypt({ message, keys })).kind === "decrypted";
}

/** What a password gives by a second implementation: what the login compares, and what its slot is wrapped under. */
export function passwordKeys(
  password: Secret,
  salt: Uint8Array,
): { readonly verifier: Secret; readonly wrapping: Secret } {
  const root = new Secret(
    argon2Sync("argon2id", {
      message: password.reveal(),
      nonce: salt,
      memory: 64 * 1024,
      passes: 3,
      parallelism: 4,
      tagLength: KEY_BYTES,
    }),
  );
  return {
    verifier: deriveKey(root, "password|login"),
    wrapping: deriveKey(root, "password|wrap"),
  };
}
