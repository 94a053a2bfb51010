import { argon2, randomBytes, randomUUID } from "node:crypto";
import { promisify } from "node:util";

import { Secret } from "../base/secret.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { SlotKind, SlotRow } from "../store/vault.ts";
import type { ServiceKey, ServiceKeys } from "./service-key.ts";
import { deriveKey, unwrap, wrap } from "./wrap.ts";

/** What every slot is made from and belongs to. */
export type SlotOwner = { readonly owner: EmailAddress; readonly serviceKeys: ServiceKeys };

/** A master key to make slots around. */
export type SlotKey = { readonly id: string; readonly secret: Secret };

/** The slots that the service key opens. */
export type ServiceSlotKind = Extract<SlotKind, "service" | "provisional">;

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
  masterKey: SlotKey,
  password: Secret,
  now: Date,
): Promise<SlotRow> {
  const salt = randomBytes(SALT_BYTES);
  const serviceKey = who.serviceKeys.current;
  using key = await passwordKey(serviceKey, password, salt);
  const how = { kind: "password", kdf: ARGON2ID, salt, serviceKey: serviceKey.id } as const;
  return makeSlot(who, masterKey, how, key, now);
}

/** The master key under the service key: for custody `provider-usable`, and until a first login. */
export function serviceSlot(
  who: SlotOwner,
  masterKey: SlotKey,
  kind: ServiceSlotKind,
  now: Date,
  id: string = randomUUID(),
): SlotRow {
  const serviceKey = who.serviceKeys.current;
  using key = serviceKey.for("slots");
  const how = { id, kind, kdf: HKDF, salt: new Uint8Array(), serviceKey: serviceKey.id };
  return makeSlot(who, masterKey, how, key, now);
}

/** The master key under the 160 bits of a recovery code, which need no slow hash. */
export function recoverySlot(who: SlotOwner, masterKey: SlotKey, code: Secret, now: Date): SlotRow {
  const salt = randomBytes(SALT_BYTES);
  using key = recoveryKey(code, salt);
  const how = { kind: "recovery", kdf: HKDF, salt, serviceKey: "" } as const;
  return makeSlot(who, masterKey, how, key, now);
}

/** The master key, or undefined when the password is another or the row is not as it was written. */
export async function openPasswordSlot(
  who: SlotOwner,
  slot: SlotRow,
  password: Secret,
): Promise<Secret | undefined> {
  // Parameters never come from the row: whoever can write rows could make them weak or endless.
  if (slot.kdf !== ARGON2ID) return undefined;
  for (const serviceKey of who.serviceKeys.candidates(slot.serviceKey)) {
    using key = await passwordKey(serviceKey, password, slot.salt);
    const opened = unwrap(key, slot.wrapped, slotContext(who.owner, slot));
    if (opened !== undefined) return opened;
  }
  return undefined;
}

/** The master key, or undefined when the service key is another or the row is not as it was written. */
export function openServiceSlot(who: SlotOwner, slot: SlotRow): Secret | undefined {
  if (slot.kdf !== HKDF) return undefined;
  for (const serviceKey of who.serviceKeys.candidates(slot.serviceKey)) {
    using key = serviceKey.for("slots");
    const opened = unwrap(key, slot.wrapped, slotContext(who.owner, slot));
    if (opened !== undefined) return opened;
  }
  return undefined;
}

/** The master key, or undefined when the code is another or the row is not as it was written. */
export function openRecoverySlot(who: SlotOwner, slot: SlotRow, code: Secret): Secret | undefined {
  if (slot.kdf !== HKDF) return undefined;
  using key = recoveryKey(code, slot.salt);
  return unwrap(key, slot.wrapped, slotContext(who.owner, slot));
}

function recoveryKey(code: Secret, salt: Uint8Array): Secret {
  return deriveKey(code, `recovery|${Buffer.from(salt).toString("hex")}`);
}

function makeSlot(
  who: SlotOwner,
  masterKey: SlotKey,
  how: Pick<SlotRow, "kind" | "kdf" | "salt" | "serviceKey"> & { readonly id?: string },
  key: Secret,
  now: Date,
): SlotRow {
  const slot = { id: randomUUID(), masterKey: masterKey.id, version: VERSION, ...how };
  return {
    ...slot,
    wrapped: wrap(key, masterKey.secret.reveal(), slotContext(who.owner, slot)),
    createdAt: now,
  };
}

async function passwordKey(
  serviceKey: ServiceKey,
  password: Secret,
  salt: Uint8Array,
): Promise<Secret> {
  using pepper = serviceKey.for("pepper");
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
