/** Slots as the database holds them: rows that were written once must open for ever, and only as what they were made. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { Secret } from "../base/secret.ts";
import { fromUnixMs } from "../base/time.ts";
import type { SlotRow } from "../store/keys/vault.ts";
import { type AccountId, newAccountId } from "../words/account.ts";
import {
  openPasswordSlot,
  openRecoverySlot,
  openServiceSlot,
  passwordSlot,
  recoverySlot,
  rewrapPasswordSlot,
  rewrapServiceSlot,
  serviceSlot,
} from "./slots.ts";
import { TypedPassword } from "./typed-password.ts";

const root = (fill: number) => new Secret(Buffer.alloc(32, fill));
const who = {
  owner: "0123456789abcdef0123456789abcdef" as AccountId,
  serviceKeys: fixedServiceKeys(root(1)),
};
const rotated = { ...who, serviceKeys: fixedServiceKeys(root(8), root(1)) };
const afterwards = { ...who, serviceKeys: fixedServiceKeys(root(8)) };
const MASTER = Buffer.alloc(32, 2);
const CODE = new Secret(Buffer.alloc(20, 5));
const SALT = Buffer.alloc(16, 4);
const typed = new TypedPassword(Secret.fromText("alice's password"));
const masterKey = { id: "m", secret: new Secret(Buffer.from(MASTER)) };
const time = { now: fromUnixMs(7), generation: 3 };

const PASSWORD = slot({
  id: "4ac0ce16-e11c-4903-8be2-6d160d3f254e",
  kind: "password",
  kdf: "argon2id m=65536 t=3 p=4 hkdf-sha256",
  salt: SALT,
  serviceKey: "c04287f57858d0af",
  wrapped:
    "NjIODgu6boIebik7nYh7P8ucUeEpbaup25JqmBwWRrwtvjh3VXcOqNc1aPCh9QWxH208zobPbxINigh4u9Xp3S9CUrzqh5aYjt3CnESc5WvSa+CrO68C+g==",
});
const SERVICE = slot({
  id: "94d7293d-96d5-4a11-8c17-940154f18b25",
  kind: "service",
  kdf: "hkdf-sha256",
  salt: new Uint8Array(),
  serviceKey: "c04287f57858d0af",
  wrapped: "vfITHXXNS+9bowirgdkjNZvRsJStzM9AOtbrRWv8mpcA2yt/QKtjYuJpnSHSVkuVybCv8uHE5Z6dbdpf",
});
const RECOVERY = slot({
  id: "71c5459e-a575-4476-ac93-34e89526f971",
  kind: "recovery",
  kdf: "hkdf-sha256",
  salt: Buffer.from("7d633ff04606a931b77a76d43300cec5", "hex"),
  serviceKey: "",
  wrapped: "07f3Wt58xabgMPua4xpILnfFZEBUKNdlNPtnvIpP5JgbEpnF95OJpydWWBinecKJWFPgQC2ChVg4YT2P",
});

type Written = Pick<SlotRow, "id" | "kind" | "kdf" | "salt" | "serviceKey"> & {
  readonly wrapped: string;
};

function slot(written: Written): SlotRow {
  const rest = { masterKey: "m", version: 1, generation: 3, createdAt: fromUnixMs(7) };
  return { ...rest, ...written, wrapped: Buffer.from(written.wrapped, "base64") };
}

/** The octets of a master key. */
const bytes = (secret: Secret | undefined): Buffer | undefined =>
  secret && Buffer.from(secret.reveal());

test("rows that were written once open", async () => {
  assert.deepEqual(bytes(await openPasswordSlot(who, PASSWORD, typed)), MASTER);
  assert.deepEqual(bytes(openServiceSlot(who, SERVICE)), MASTER);
  assert.deepEqual(bytes(openRecoverySlot(who, RECOVERY, CODE)), MASTER);
});

test("a row opens only as what it was made", async () => {
  for (const change of [
    { id: "other" },
    { kind: "escrow" },
    { masterKey: "other" },
    { version: 0 },
    { version: 2 },
    { generation: 4 },
    { kdf: "argon2id m=8 t=1 p=1" },
  ] as const) {
    const said = JSON.stringify(change);
    assert.equal(await openPasswordSlot(who, { ...PASSWORD, ...change }, typed), undefined, said);
    assert.equal(openServiceSlot(who, { ...SERVICE, ...change }), undefined, said);
    assert.equal(openRecoverySlot(who, { ...RECOVERY, ...change }, CODE), undefined, said);
  }
  const bob = { ...who, owner: newAccountId() };
  assert.equal(await openPasswordSlot(bob, PASSWORD, typed), undefined);
  assert.equal(openServiceSlot(bob, SERVICE), undefined);
  assert.equal(openRecoverySlot(bob, RECOVERY, CODE), undefined);
});

test("without the service key that took part, nothing but a recovery code opens anything", async () => {
  assert.equal(await openPasswordSlot(afterwards, PASSWORD, typed), undefined);
  assert.deepEqual(bytes(await openPasswordSlot(rotated, PASSWORD, typed)), MASTER);
  assert.equal(openServiceSlot(afterwards, SERVICE), undefined);
  assert.deepEqual(bytes(openServiceSlot(rotated, SERVICE)), MASTER);
  assert.deepEqual(bytes(openRecoverySlot(afterwards, RECOVERY, CODE)), MASTER);
});

test("a row that names no service key, or another one, opens with none", async () => {
  for (const serviceKey of ["", rotated.serviceKeys.current.id, "0000000000000000"]) {
    const password = { ...PASSWORD, serviceKey };
    assert.equal(await openPasswordSlot(rotated, password, typed), undefined);
    assert.equal(rewrapPasswordSlot(rotated, password), undefined);
    assert.equal(openServiceSlot(rotated, { ...SERVICE, serviceKey }), undefined);
  }
});

test("another password opens nothing, nor does another code", async () => {
  const other = new TypedPassword(Secret.fromText("bob's password"));
  assert.equal(await openPasswordSlot(who, PASSWORD, other), undefined);
  assert.equal(openRecoverySlot(who, RECOVERY, new Secret(Buffer.alloc(20, 6))), undefined);
});

test("a slot is of the current version, says what it is made with, and opens", async () => {
  const password = await passwordSlot(who, masterKey, typed, SALT, time);
  const service = serviceSlot(who, masterKey, "service", time);
  const recovery = recoverySlot(who, masterKey, CODE, time);
  for (const [made, written] of [
    [password, PASSWORD],
    [service, SERVICE],
    [recovery, { ...RECOVERY, salt: recovery.salt }],
  ] as const) {
    const { id, wrapped } = made;
    assert.deepEqual({ ...written, id, wrapped }, made);
    assert.equal(wrapped.length, written.wrapped.length);
  }
  assert.equal(recovery.salt.length, 16);
  assert.deepEqual(bytes(await openPasswordSlot(who, password, typed)), MASTER);
  assert.deepEqual(bytes(openServiceSlot(who, service)), MASTER);
  assert.deepEqual(bytes(openRecoverySlot(who, recovery, CODE)), MASTER);
});

test("under a new service key a slot keeps its place, and the former service key opens it no more", async () => {
  const password = rewrapPasswordSlot(rotated, PASSWORD);
  assert(password !== undefined);
  const service = rewrapServiceSlot(rotated, masterKey, SERVICE);
  for (const [made, written] of [
    [password, PASSWORD],
    [service, SERVICE],
  ] as const) {
    const { wrapped } = made;
    assert.deepEqual(made, { ...written, wrapped, serviceKey: rotated.serviceKeys.current.id });
  }
  assert.deepEqual(bytes(await openPasswordSlot(afterwards, password, typed)), MASTER);
  assert.deepEqual(bytes(openServiceSlot(afterwards, service)), MASTER);
  const named = { serviceKey: who.serviceKeys.current.id };
  assert.equal(await openPasswordSlot(who, { ...password, ...named }, typed), undefined);
  assert.equal(openServiceSlot(who, { ...service, ...named }), undefined);
  assert.equal(rewrapPasswordSlot(afterwards, PASSWORD), undefined);
});
