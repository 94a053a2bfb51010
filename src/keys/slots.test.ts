/** Slots as the database holds them: rows that were written once must open for ever, and only as what they were made. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "../base/secret.ts";
import { fromUnixMs } from "../base/time.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import type { SlotRow } from "../store/vault.ts";
import { fixedServiceKeys } from "./service-key.ts";
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
const who = { owner: addressOf("alice@alpha.test"), serviceKeys: fixedServiceKeys(root(1)) };
const rotated = { ...who, serviceKeys: fixedServiceKeys(root(8), root(1)) };
const afterwards = { ...who, serviceKeys: fixedServiceKeys(root(8)) };
const MASTER = Buffer.alloc(32, 2);
const CODE = new Secret(Buffer.alloc(20, 5));
const SALT = Buffer.alloc(16, 4);
const typed = new TypedPassword(Secret.fromText("alice's password"));
const masterKey = { id: "m", secret: new Secret(Buffer.from(MASTER)) };
const time = { now: fromUnixMs(7), generation: 3 };

const PASSWORD = slot({
  id: "e9f4e9c1-e01c-4648-8170-1189d5810a07",
  kind: "password",
  kdf: "argon2id m=65536 t=3 p=4 hkdf-sha256",
  salt: SALT,
  serviceKey: "c04287f57858d0af",
  wrapped:
    "RbqWCzUwbzpXqsxrMeiZ5JuIo/32WZnDaT6N25dHLE364iyVOUgvTy9Vdz8d42blHLtMmWqrs+chotXBYJkCtadriHQJO+MVOl5yd5i/9hzpRjDVWuD5tw==",
});
const SERVICE = slot({
  id: "231e0083-f1cf-42e4-810d-663b848b083e",
  kind: "service",
  kdf: "hkdf-sha256",
  salt: new Uint8Array(),
  serviceKey: "c04287f57858d0af",
  wrapped: "sQZAKZ8s2kzIhcv7uTx2E3bTwwCob6iGHgINC0Z0v9F4nDSrQHf+m/spUQHdOAt4M0r7DDYqfc18GTRY",
});
const RECOVERY = slot({
  id: "8ab40aad-f629-49cf-a980-1c33e69b840e",
  kind: "recovery",
  kdf: "hkdf-sha256",
  salt: Buffer.from("36d74a13832f7ac4a112922c1101895b", "hex"),
  serviceKey: "",
  wrapped: "c0RKyet7gUbHL243HqUQpAp+lA8633zEUxd4iKo+Klc+5mo5SpdNjFr9nlrhojHOEHHng+QtJtWbmjFu",
});

type Written = Pick<SlotRow, "id" | "kind" | "kdf" | "salt" | "serviceKey"> & {
  readonly wrapped: string;
};

function slot(written: Written): SlotRow {
  const rest = { masterKey: "m", version: 2, generation: 3, createdAt: fromUnixMs(7) };
  return { ...rest, ...written, wrapped: Buffer.from(written.wrapped, "base64") };
}

function addressOf(text: string): EmailAddress {
  const address = parseAddress(text);
  assert(address);
  return address;
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
    { version: 1 },
    { version: 3 },
    { generation: 4 },
    { kdf: "argon2id m=8 t=1 p=1" },
  ] as const) {
    const said = JSON.stringify(change);
    assert.equal(await openPasswordSlot(who, { ...PASSWORD, ...change }, typed), undefined, said);
    assert.equal(openServiceSlot(who, { ...SERVICE, ...change }), undefined, said);
    assert.equal(openRecoverySlot(who, { ...RECOVERY, ...change }, CODE), undefined, said);
  }
  const bob = { ...who, owner: addressOf("bob@alpha.test") };
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
