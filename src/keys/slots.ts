import { argon2, randomBytes, randomUUID } from "node:crypto";
import { promisify } from "node:util";

import { Secret } from "../base/secret.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { SlotRow } from "../store/vault.ts";
import { serviceKeyFor } from "./service-key.ts";
import { unwrap, wrap } from "./wrap.ts";

/** What every slot is made from and belongs to. */
export type SlotOwner = { readonly owner: EmailAddress; readonly serviceKey: Secret };

const VERSION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const MEMORY_KIB = 64 * 1024;
const PASSES = 3;
const LANES = 4;
const ARGON2ID = `argon2id m=${MEMORY_KIB} t=${PASSES} p=${LANES}`;
const HKDF = "hkdf-sha256";
const PASSWORD_CONTEXT = "e2e-wrap-v1";

const deriveArgon2 = promisify(argon2);

/** The master key under the user's password. */
export async function passwordSlot(
  who: SlotOwner,
  masterKey: { readonly id: string; readonly secret: Secret },
  password: Secret,
  now: Date,
): Promise<SlotRow> {
  const salt = randomBytes(SALT_BYTES);
  using key = await passwordKey(who, password, salt);
  return makeSlot(who, masterKey, { kind: "password", kdf: ARGON2ID, salt, key, now });
}

/** The master key under the service key: for custody `provider-usable` alone. */
export function serviceSlot(
  who: SlotOwner,
  masterKey: { readonly id: string; readonly secret: Secret },
  now: Date,
): SlotRow {
  using key = serviceKeyFor(who.serviceKey, "slots");
  return makeSlot(who, masterKey, { kind: "service", kdf: HKDF, salt: new Uint8Array(), key, now });
}

/** The master key, or undefined when the password is another or the row is not as it was written. */
export async function openPasswordSlot(
  who: SlotOwner,
  slot: SlotRow,
  password: Secret,
): Promise<Secret | undefined> {
  // Parameters never come from the row: whoever can write rows could make them weak or endless.
  if (slot.kdf !== ARGON2ID) return undefined;
  using key = await passwordKey(who, password, slot.salt);
  return unwrap(key, slot.wrapped, slotContext(who.owner, slot));
}

/** The master key, or undefined when the service key is another or the row is not as it was written. */
export function openServiceSlot(who: SlotOwner, slot: SlotRow): Secret | undefined {
  if (slot.kdf !== HKDF) return undefined;
  using key = serviceKeyFor(who.serviceKey, "slots");
  return unwrap(key, slot.wrapped, slotContext(who.owner, slot));
}

function makeSlot(
  who: SlotOwner,
  masterKey: { readonly id: string; readonly secret: Secret },
  how: Pick<SlotRow, "kind" | "kdf" | "salt"> & { readonly key: Secret; readonly now: Date },
): SlotRow {
  const { key, now, ...rest } = how;
  const slot = { id: randomUUID(), masterKey: masterKey.id, version: VERSION, ...rest };
  return {
    ...slot,
    wrapped: wrap(key, masterKey.secret.reveal(), slotContext(who.owner, slot)),
    createdAt: now,
  };
}

async function passwordKey(who: SlotOwner, password: Secret, salt: Uint8Array): Promise<Secret> {
  using pepper = serviceKeyFor(who.serviceKey, "pepper");
  const key = await deriveArgon2("argon2id", {
    message: password.reveal(),
    nonce: salt,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: LANES,
    tagLength: KEY_BYTES,
    secret: pepper.reveal(),
    associatedData: PASSWORD_CONTEXT,
  });
  return new Secret(key);
}

/** A slot opens only as what it was made: this user's, around this master key, of this kind and version. */
function slotContext(
  owner: EmailAddress,
  slot: Pick<SlotRow, "id" | "masterKey" | "kind" | "version" | "kdf">,
): readonly string[] {
  const { id, masterKey, kind, version, kdf } = slot;
  return ["slot", canonicalAddress(owner), masterKey, id, kind, String(version), kdf];
}
