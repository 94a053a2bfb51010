/** What another service key takes along, and what it cannot read. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { active, alice, depsFor, network, old, type Deps } from "../../test/support/key-life.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { releaseGenericRevocation } from "../keys/generic-revocation.ts";
import { login } from "../login/login.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { saveGenericRevocation } from "../store/keys/generic-revocations.ts";
import { findMasterKey, insertSlot } from "../store/keys/vault.ts";
import { insertOutbox } from "../store/mail/outbox.ts";
import type { Store } from "../store/store.ts";
import { newAccountId } from "../words/account.ts";
import { openCopy, rewrapAll, wrapCopy } from "./rewrap.ts";
import { newServiceRoot } from "./service-key.ts";
import { unlockWithService } from "./vault.ts";

const bob = addressOf("bob@alpha.test");

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
      await saveGenericRevocation(tx, { ...junk, fingerprint, owner: newAccountId() });
      await insertOutbox(tx, [copyOf(id, { wrapped: junk.wrapped, serviceKey: "gone" }, now)]);
    }
  });
}

function copyOf(id: string, wrapped: Awaited<ReturnType<typeof wrapCopy>>, at: Date) {
  const envelope = JSON.stringify({ recipients: [] });
  const rest = {
    sender: alice,
    account: idOf(alice),
    messageId: "",
    envelope,
    createdAt: at,
  };
  return { id, ...rest, ...wrapped };
}

for (const { engine, open } of engines()) {
  test(`${engine}: rows that no key opens keep none behind them from the new service key, and are counted`, async () => {
    await using store = await open();
    const { before, both, alone } = rotation(store);
    const now = before.clock.now();
    const account = { custody: "provider-usable", profile: "compat", password: old() } as const;
    await enrol(before, { ...account, address: bob });
    const spoilt = await findMasterKey(store, idOf(bob));
    assert(spoilt !== undefined);
    await enrol(before, { ...account, address: alice });
    await spoil(store, spoilt, now);
    const copy = await wrapCopy(before.serviceKeys, "outbox", COPY, Buffer.from("a copy"));
    await insertOutbox(store, [copyOf(COPY, copy, now)]);

    const unreadable = await rewrapAll(both);
    assert.equal(unreadable, 3 * UNREADABLE);

    const first = await active(store);
    assert(first);
    using keys = await unlockWithService(alone, idOf(alice));
    assert.equal(keys?.active?.fingerprint, first);
    assert((await releaseGenericRevocation(alone, idOf(alice), first)).length > 0);
    const row = await store.db
      .selectFrom("outbox")
      .selectAll()
      .where("id", "=", COPY)
      .executeTakeFirstOrThrow();
    const opened = await openCopy(alone.serviceKeys, "outbox", {
      id: COPY,
      wrapped: row.wrapped,
      serviceKey: row.service_key,
    });
    assert.equal(Buffer.from(opened ?? []).toString(), "a copy");
    assert.equal(await rewrapAll(both), 3 * UNREADABLE);
  });

  test(`${engine}: an emptied revocation is counted, unless it is of a key on its owner's device`, async () => {
    await using store = await open();
    const { before, both } = rotation(store);
    const account = { custody: "provider-usable", profile: "compat", password: old() } as const;
    await enrol(before, { ...account, address: alice });
    const revocations = store.db.updateTable("generic_revocations");
    await revocations.set({ wrapped: new Uint8Array() }).execute();
    assert.equal(await rewrapAll(both), 1);
    await revocations.set({ wrapped: new Uint8Array(), service_key: "" }).execute();
    assert.equal(await rewrapAll(both), 0);
  });

  test(`${engine}: passwords and logins go under a new service key without their users`, async () => {
    await using store = await open();
    const { before, both, alone } = rotation(store);
    const account = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(before, { ...account, address: alice });
    assert.equal(await rewrapAll(both), 0);
    const result = await login(alone, { address: alice, password: old(), network });
    assert(result.kind === "ok" && !result.isLocked);
    result.keys[Symbol.dispose]();
  });
}
