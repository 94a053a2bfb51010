/** What another service key takes along, what it cannot read, and what is said of the passwords that wait. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { errorText } from "../base/errors.ts";
import { enrol } from "../login/enrol.ts";
import { login } from "../login/login.ts";
import { resetPassword } from "../login/recover.ts";
import { canonicalAddress } from "../mail/address.ts";
import { parseFingerprint } from "../openpgp/fingerprint.ts";
import { saveGenericRevocation } from "../store/generic-revocations.ts";
import { insertOutbox } from "../store/outbox.ts";
import type { Store } from "../store/store.ts";
import { findMasterKey, insertSlot } from "../store/vault.ts";
import { engines } from "../../test/support/engines.ts";
import { useFormerPassword } from "../../test/support/former-password.ts";
import {
  active,
  addressOf,
  alice,
  depsFor,
  fresh,
  network,
  old,
  type Deps,
} from "../../test/support/key-life.ts";
import { closeAccount } from "./end-account.ts";
import { releaseGenericRevocation, unlockWithService } from "./vault.ts";
import { rewrapAll, openCopy, wrapCopy } from "./rewrap.ts";
import { fixedServiceKeys, newServiceRoot } from "./service-key.ts";
import { explainWaiting, requireNothingLeft, type UnderFormer } from "./under-former.ts";

const bob = addressOf("bob@alpha.test");
const cy = addressOf("cy@alpha.test");
const dee = addressOf("dee@alpha.test");

/** More than fit into one batch of a table. */
const UNREADABLE = 250;
const COPY = "ffffffff-ffff-4fff-bfff-ffffffffffff";

/** Before a rotation, after it, and when the former key is gone. */
function rotation(store: Store): Record<"before" | "both" | "alone", Deps> {
  const deps = depsFor(store);
  const [root, next] = [newServiceRoot(), newServiceRoot()];
  return {
    before: { ...deps, serviceKeys: fixedServiceKeys(root.clone()) },
    both: { ...deps, serviceKeys: fixedServiceKeys(next.clone(), root.clone()) },
    alone: { ...deps, serviceKeys: fixedServiceKeys(next.clone()) },
  };
}

/** Rows of each table that no key opens, in front of all others. */
async function spoil(store: Store, masterKey: string, now: Date): Promise<void> {
  const junk = { version: 1, wrapped: Buffer.alloc(60), createdAt: now, serviceKey: "gone" };
  await store.transaction(async (tx) => {
    for (let at = 0; at < UNREADABLE; at += 1) {
      const number = String(at).padStart(12, "0");
      const id = `00000000-0000-4000-8000-${number}`;
      const slot = {
        id,
        masterKey,
        kind: "service",
        kdf: "hkdf-sha256",
        salt: Buffer.alloc(0),
        generation: 0,
      };
      await insertSlot(tx, { ...slot, ...junk, kind: "service" });
      const fingerprint = parseFingerprint(number.padStart(40, "0"));
      assert(fingerprint);
      await saveGenericRevocation(tx, { ...junk, fingerprint, owner: "nobody@alpha.test" });
      await insertOutbox(tx, [copyOf(id, { wrapped: junk.wrapped, serviceKey: "gone" }, now)]);
    }
  });
}

function copyOf(id: string, wrapped: Awaited<ReturnType<typeof wrapCopy>>, at: Date) {
  const envelope = JSON.stringify({ recipients: [] });
  const rest = {
    sender: alice,
    account: canonicalAddress(alice),
    messageId: "",
    envelope,
    attempts: 0,
    createdAt: at,
    nextAt: at,
  };
  return { id, ...rest, ...wrapped };
}

/** What is said when the former keys may not be deleted. */
function refusalOf(left: UnderFormer): string {
  try {
    requireNothingLeft(left, false);
  } catch (error) {
    return errorText(error);
  }
  return "";
}

for (const { engine, open } of engines()) {
  test(`${engine}: rows that no key opens keep none behind them from the new service key, and are counted`, async () => {
    await using store = await open();
    const { before, both, alone } = rotation(store);
    const now = before.clock.now();
    const account = { custody: "provider-usable", profile: "compat", password: old() } as const;
    await enrol(before, { ...account, address: bob });
    const spoilt = await findMasterKey(store, bob);
    assert(spoilt !== undefined);
    await spoil(store, spoilt, now);
    await enrol(before, { ...account, address: alice });
    const copy = await wrapCopy(before.serviceKeys, COPY, Buffer.from("a copy"));
    await insertOutbox(store, [copyOf(COPY, copy, now)]);

    const left = await rewrapAll(both);
    assert.equal(left.unreadable, 3 * UNREADABLE);
    assert.throws(() => {
      requireNothingLeft(left, true);
    }, /750 rows open with none/);

    const first = await active(store);
    assert(first);
    using keys = await unlockWithService(alone, alice);
    assert.equal(keys?.active?.fingerprint, first);
    assert((await releaseGenericRevocation(alone, alice, first)).length > 0);
    const row = await store.db
      .selectFrom("outbox")
      .selectAll()
      .where("id", "=", COPY)
      .executeTakeFirstOrThrow();
    const opened = await openCopy(alone.serviceKeys, COPY, row.wrapped, row.service_key);
    assert.equal(Buffer.from(opened ?? []).toString(), "a copy");
    assert.equal((await rewrapAll(both)).unreadable, 3 * UNREADABLE);
  });

  test(`${engine}: whose passwords still need a former service key is said, and what to do about each`, async () => {
    await using store = await open();
    const { before, both } = rotation(store);
    const account = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    for (const address of [alice, bob, cy]) {
      await enrol(before, { ...account, address });
      await useFormerPassword(before, address, old());
    }
    const other = depsFor(store);
    await enrol(other, { ...account, address: dee });
    await useFormerPassword(other, dee, old());
    await closeAccount(before, cy, undefined);
    await rewrapAll(both);
    await resetPassword(both, bob, fresh());

    const { passwords } = await rewrapAll(both);
    assert.deepEqual(
      passwords.map(({ owner, waits }) => [owner.local, waits]),
      // The password of dee needs a key that is not here: nothing that is kept opens it.
      [
        ["alice", "login"],
        ["bob", "parked"],
        ["cy", "closed"],
      ],
    );
    const left = { unreadable: 0, passwords };
    requireNothingLeft(left, true);
    const refusal = refusalOf(left);
    assert.match(refusal, /^3 password slots/);
    for (const line of [
      /^ {2}1 made anew at their owners' next login: alice@alpha\.test$/m,
      /^ {2}1 around keys that a reset parked.*account recover ADDRESS --former.*: bob@alpha\.test$/m,
      /^ {2}1 of closed accounts.*: cy@alpha\.test$/m,
    ]) {
      assert.match(refusal, line);
    }
    const result = await login(both, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    const waiting = (await rewrapAll(both)).passwords.map(({ owner }) => owner.local);
    assert.deepEqual(waiting, ["bob", "cy"]);
  });
}

for (const { engine, open } of engines()) {
  test(`${engine}: passwords and logins go under a new service key without their users`, async () => {
    await using store = await open();
    const { before, both, alone } = rotation(store);
    const account = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(before, { ...account, address: alice });
    assert.deepEqual(await rewrapAll(both), { unreadable: 0, passwords: [] });
    const result = await login(alone, { address: alice, password: old(), network });
    assert(result.kind === "ok" && !result.isLocked);
    result.keys[Symbol.dispose]();
  });
}

test("of many accounts that wait the first are named, and the others counted", () => {
  const passwords = Array.from({ length: 25 }, (_, at) => {
    return { owner: addressOf(`user${String(at + 10)}@alpha.test`), waits: "login" } as const;
  });
  const [line] = explainWaiting(passwords);
  assert.match(line ?? "", /^25 .*: user10@alpha\.test, .*user29@alpha\.test and 5 more$/);
});
