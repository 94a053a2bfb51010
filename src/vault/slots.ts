import { randomBytes, randomUUID } from "node:crypto";

import type { Secret } from "../base/secret.ts";
import type { SlotKind, SlotRow } from "../store/keys/vault.ts";
import type { AccountId } from "../words/account.ts";
import type { ServiceKeys } from "./service-key.ts";
import { PASSWORD_KDF, type TypedPassword } from "./typed-password.ts";
import { deriveKey, unwrap, wrap } from "./wrap.ts";

/** What every slot is made from and belongs to. */
export type SlotOwner = { readonly owner: AccountId; readonly serviceKeys: ServiceKeys };

/** A master key to make slots around. */
export type SlotKey = { readonly id: string; readonly secret: Secret };

/** The slots that the service key opens. */
export type ServiceSlotKind = Extract<SlotKind, "service" | "provisional">;

const VERSION = 1;
const SALT_BYTES = 16;
const HKDF = "hkdf-sha256";

/** The moment and the generation of its account that a slot is made for. */
export type SlotTime = { readonly now: Date; readonly generation: number };

/**
 * The master key under the user's password, and that once more under the service key: the database alone tells nobody
 * whether a guess is right, and a new service key needs no password.
 */
export async function passwordSlot(
  who: SlotOwner,
  masterKey: SlotKey,
  password: TypedPassword,
  salt: Uint8Array,
  time: SlotTime,
): Promise<SlotRow> {
  const { wrapping } = await password.keysFor(salt);
  const kind = "password";
  const slot = makeSlot(
    who,
    masterKey,
    { kind, kdf: PASSWORD_KDF, salt, serviceKey: "" },
    wrapping,
    time,
  );
  return underService(who, slot);
}

/** A password slot under the service key in force; `wrapped` is what the password opens. */
function underService(who: SlotOwner, slot: SlotRow): SlotRow {
  const serviceKey = who.serviceKeys.current;
  using key = serviceKey.for("slots");
  const wrapped = wrap(key, slot.wrapped, ["outer", ...slotContext(who.owner, slot)]);
  return { ...slot, wrapped, serviceKey: serviceKey.id };
}

/** What the password opens, or undefined when the service key is another or the row is not as it was written. */
function withoutService(who: SlotOwner, slot: SlotRow): Secret | undefined {
  using key = who.serviceKeys.named(slot.serviceKey)?.for("slots");
  return key && unwrap(key, slot.wrapped, ["outer", ...slotContext(who.owner, slot)]);
}

/** The same slot under the service key in force; undefined when none of the keys opens it. */
export function rewrapPasswordSlot(who: SlotOwner, slot: SlotRow): SlotRow | undefined {
  if (slot.kdf !== PASSWORD_KDF) return undefined;
  using inner = withoutService(who, slot);
  return inner === undefined ? undefined : underService(who, { ...slot, wrapped: inner.reveal() });
}

/** The master key under the service key: for custody `provider-usable`, and until a first login. */
export function serviceSlot(
  who: SlotOwner,
  masterKey: SlotKey,
  kind: ServiceSlotKind,
  time: SlotTime,
): SlotRow {
  const serviceKey = who.serviceKeys.current;
  using key = serviceKey.for("slots");
  const how = { kind, kdf: HKDF, salt: new Uint8Array(), serviceKey: serviceKey.id };
  return makeSlot(who, masterKey, how, key, time);
}

/** The same slot under the service key in force. */
export function rewrapServiceSlot(who: SlotOwner, masterKey: SlotKey, slot: SlotRow): SlotRow {
  const serviceKey = who.serviceKeys.current;
  using key = serviceKey.for("slots");
  const wrapped = wrap(key, masterKey.secret.reveal(), slotContext(who.owner, slot));
  return { ...slot, wrapped, serviceKey: serviceKey.id };
}

/** The master key under the 160 bits of a recovery code, which need no slow hash. */
export function recoverySlot(
  who: SlotOwner,
  masterKey: SlotKey,
  code: Secret,
  time: SlotTime,
): SlotRow {
  const salt = randomBytes(SALT_BYTES);
  using key = recoveryKey(code, salt);
  const how = { kind: "recovery", kdf: HKDF, salt, serviceKey: "" } as const;
  return makeSlot(who, masterKey, how, key, time);
}

/** The master key, or undefined when the password is another or the row is not as it was written. */
export async function openPasswordSlot(
  who: SlotOwner,
  slot: SlotRow,
  password: TypedPassword,
): Promise<Secret | undefined> {
  // Parameters never come from the row: whoever can write rows could make them weak or endless.
  if (slot.kdf !== PASSWORD_KDF) return undefined;
  using inner = withoutService(who, slot);
  if (inner === undefined) return undefined;
  const { wrapping } = await password.keysFor(slot.salt);
  return unwrap(wrapping, inner.reveal(), slotContext(who.owner, slot));
}

/** The master key, or undefined when the service key is another or the row is not as it was written. */
export function openServiceSlot(who: SlotOwner, slot: SlotRow): Secret | undefined {
  if (slot.kdf !== HKDF) return undefined;
  using key = who.serviceKeys.named(slot.serviceKey)?.for("slots");
  return key && unwrap(key, slot.wrapped, slotContext(who.owner, slot));
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
  how: Pick<SlotRow, "kind" | "kdf" | "salt" | "serviceKey">,
  key: Secret,
  { now, generation }: SlotTime,
): SlotRow {
  const slot = { id: randomUUID(), masterKey: masterKey.id, version: VERSION, generation, ...how };
  return {
    ...slot,
    wrapped: wrap(key, masterKey.secret.reveal(), slotContext(who.owner, slot)),
    createdAt: now,
  };
}

/** A slot opens only as what it was made: this user's, around this master key, of this kind, version and generation. */
function slotContext(
  owner: AccountId,
  slot: Pick<SlotRow, "id" | "masterKey" | "kind" | "version" | "kdf" | "generation">,
): readonly string[] {
  const { id, masterKey, kind, version, kdf, generation } = slot;
  const made = [masterKey, id, kind, String(version), kdf, String(generation)];
  return ["slot", owner, ...made];
}
