import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { doctorDeps } from "../../test/support/doctor-world.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alias,
  alice,
  depsFor as lifeDeps,
  network,
  old,
  opened,
  withAlice,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { openTestStore } from "../../test/support/tag-keys.ts";
import { DAY, HOUR, MINUTE } from "../base/time.ts";
import { releasedRevocations } from "../doctor/released-revocations.ts";
import { listAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { login } from "../login/login.ts";
import { parseAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { migrate } from "../store/engine/migrate.ts";
import type { Store } from "../store/store.ts";
import { openWithService, type MasterKey } from "../vault/master-key.ts";
import { newServiceRoot } from "../vault/service-key.ts";
import type { ReleaseLimits, VaultDeps } from "../vault/vault-deps.ts";
import { addAlias } from "./alias.ts";
import { closeAccount } from "./end-account.ts";
import { allowReleases, countReleases, recordRelease, standingAlarms } from "./releases.ts";
import { rotateKey } from "./rotate.ts";

const limits: ReleaseLimits = { alarmPerHour: 3, alarmPerDay: 6, stopPerDay: 8 };
const account = parseAddress("alice@alpha.test");
assert(account);
const fingerprint = "AB".repeat(20) as Fingerprint;
const release = { account: idOf(account), fingerprint, by: "generic", isOwnAct: false } as const;

type Deps = VaultDeps & { readonly clock: ReturnType<typeof fakeClock> };

function depsFor(store: Store, releaseLimits = limits, clock = fakeClock()): Deps {
  return { store, clock, serviceKeys: fixedServiceKeys(newServiceRoot()), releaseLimits };
}

/** Each in a transaction of its own. */
async function releaseSome(deps: VaultDeps, count: number, isOwnAct = false): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await deps.store.transaction(async (tx) => recordRelease(deps, tx, { ...release, isOwnAct }));
  }
}

async function alarmsIn(store: Store): Promise<readonly string[]> {
  const alarms = await standingAlarms(store);
  return alarms.map(({ kind, within, released }) => `${kind} ${within} ${released}`);
}

async function actionsIn(store: Store): Promise<readonly string[]> {
  return (await Array.fromAsync(listAudit(store))).map(({ action }) => action);
}

for (const { engine, open, place } of engines()) {
  test(`${engine}: one more than the number is an alarm, written once for each window`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await releaseSome(deps, 3);
    assert.deepEqual(await alarmsIn(store), []);
    await releaseSome(deps, 2);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4"]);
    // The hour is over: the next one counts for itself, and what stands stays.
    deps.clock.advance(HOUR + MINUTE);
    await releaseSome(deps, 1);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4"]);
    await releaseSome(deps, 1);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4", "alarm day 7"]);
    assert.equal((await verifyAudit(store)).kind, "intact");
    // A day later nothing is left of them but the alarms that nobody ended.
    deps.clock.advance(DAY);
    assert.deepEqual(await countReleases(store, deps.clock.now()), { hour: 0, day: 0 });
    await releaseSome(deps, 4);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4", "alarm day 7", "alarm hour 4"]);
  });

  test(`${engine}: at the second number the releases stop for good, but for users with open keys, until an operator says go on`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await releaseSome(deps, 8);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4", "alarm day 7", "stopped day 8"]);
    await assert.rejects(releaseSome(deps, 1), /is stopped.*key revocations --go-on/);
    // What was refused was not done, so it is not in the log.
    assert.equal((await countReleases(store, deps.clock.now())).day, 8);
    await releaseSome(deps, 2, true);
    deps.clock.advance(7 * DAY);
    await assert.rejects(releaseSome(deps, 1), /is stopped/);
    await allowReleases(deps);
    assert.deepEqual(await alarmsIn(store), []);
    await releaseSome(deps, 3);
    assert.deepEqual(await alarmsIn(store), []);
    await releaseSome(deps, 1);
    assert.deepEqual(await alarmsIn(store), ["alarm hour 4"]);
    const actions = await actionsIn(store);
    assert.equal(actions.filter((action) => action === "revocation.stopped").length, 1);
    assert.equal(actions.filter((action) => action === "revocation.go-on").length, 1);
  });

  test(`${engine}: a stop of 0 never stops, and lifts one`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await releaseSome(deps, 8);
    await releaseSome({ ...deps, releaseLimits: { ...limits, stopPerDay: 0 } }, 5);
    assert.equal((await countReleases(store, deps.clock.now())).day, 13);
  });

  test(`${engine}: two that share the database share the count`, async () => {
    const database = await place();
    await using one = await openTestStore(database);
    await migrate(one);
    await using other = await openTestStore(database);
    const [first, second] = [depsFor(one), depsFor(other)];
    if (engine === "sqlite") {
      // Its transactions wait for each other without giving way, which needs two processes.
      for (let index = 0; index < 4; index += 1) {
        await releaseSome(first, 1);
        await releaseSome(second, 1);
      }
    } else await Promise.all([releaseSome(first, 4), releaseSome(second, 4)]);
    assert.deepEqual(await alarmsIn(one), ["alarm hour 4", "alarm day 7", "stopped day 8"]);
    await assert.rejects(releaseSome(second, 1), /is stopped/);
  });

  test(`${engine}: who revokes again and again himself counts once in a day`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const someone = async (name: string) => {
      const other = parseAddress(`${name}@alpha.test`);
      assert(other);
      const own = { ...release, account: idOf(other), isOwnAct: true };
      await store.transaction(async (tx) => recordRelease(deps, tx, own));
    };
    for (const name of ["a", "b", "a", "a", "b", "a"]) await someone(name);
    assert.equal((await countReleases(store, deps.clock.now())).day, 2);
    const released = (await actionsIn(store)).filter((one) => one === "revocation.released-again");
    assert.equal(released.length, 4);
    deps.clock.advance(DAY + MINUTE);
    await someone("a");
    assert.equal((await countReleases(store, deps.clock.now())).day, 1);
    // What others do to one account counts each time.
    await releaseSome(deps, 3);
    assert.equal((await countReleases(store, deps.clock.now())).day, 4);
  });

  test(`${engine}: keys that the service key opens are counted and stopped like generic revocations, what the password opens is not`, async () => {
    await using store = await open();
    const made = await withAlice(store, "provider-usable");
    const deps = { ...made.deps, releaseLimits: { ...limits, stopPerDay: 2 } };
    const rotation = { address: alice, reason: "superseded", text: "" } as const;
    const rotate = async (masterKey: MasterKey | undefined, kind = "rotated") => {
      assert(masterKey);
      assert.equal((await rotateKey(deps, deps.keyRules, masterKey, rotation)).kind, kind);
      masterKey[Symbol.dispose]();
    };
    for (let times = 0; times < 3; times += 1) await rotate(await opened(deps, old()));
    assert.equal((await countReleases(store, deps.clock.now())).day, 0);
    for (let times = 0; times < 2; times += 1)
      await rotate(await openWithService(deps, idOf(alice)));
    assert.equal((await countReleases(store, deps.clock.now())).day, 2);
    assert.deepEqual(await alarmsIn(store), ["stopped day 2"]);
    const before = await active(store);
    await rotate(await openWithService(deps, idOf(alice)), "releases-stopped");
    assert.equal(await active(store), before);
    await rotate(await opened(deps, old()));
    assert.notEqual(await active(store), before);
  });

  test(`${engine}: a first login is its owner's own act, also where releases are stopped`, async () => {
    await using store = await open();
    const deps = { ...lifeDeps(store), releaseLimits: { ...limits, stopPerDay: 1 } };
    await enrol(deps, { address: alice, custody: "unlocks-at-login", profile: "compat" });
    await setLoginOnly(deps, idOf(alice), old());
    await releaseSome(deps, 1);
    const before = await active(store);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    assert.notEqual(await active(store), before);
    assert.equal((await countReleases(store, deps.clock.now())).day, 1);
  });

  test(`${engine}: an event that comes to the stop itself is undone, and the stop stands`, async () => {
    await using store = await open();
    const { deps: life } = await withAlice(store);
    {
      using masterKey = await opened(life, old());
      await came(addAlias(life, life.keyRules, idOf(alice), alias, masterKey), "added");
    }
    const deps = { ...life, releaseLimits: { ...limits, stopPerDay: 1 } };
    for (let times = 0; times < 2; times += 1) {
      const closing = await closeAccount(deps, idOf(alice), undefined);
      assert.equal(closing.kind, "releases-stopped");
      assert.deepEqual(await alarmsIn(store), ["stopped day 1"]);
      assert.notEqual(await active(store), undefined);
    }
    assert.equal((await countReleases(store, deps.clock.now())).day, 0);
    assert.equal((await verifyAudit(store)).kind, "intact");
    await allowReleases(deps);
    await came(closeAccount({ ...deps, releaseLimits: limits }, idOf(alice), undefined), "closed");
    assert.equal(await active(store), undefined);
  });

  test(`${engine}: what is undone raises no alarm`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await releaseSome(deps, 3);
    const undone = store.transaction(async (tx) => {
      await recordRelease(deps, tx, release);
      throw new Error("undone");
    });
    await assert.rejects(undone, /undone/);
    assert.deepEqual(await alarmsIn(store), []);
  });

  test(`${engine}: the doctor says what stands and what to do, until it is ended`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const judge = async (): Promise<string> => {
      const database = { kind: "open", store, isMigrated: true } as const;
      const { clock } = deps;
      const [found] = await releasedRevocations.run(doctorDeps({}, { database, clock }));
      return `${found?.result} ${found?.title} -> ${found?.todo}`;
    };
    await releaseSome(deps, 3);
    assert.match(await judge(), /^ok no alarm stands; 3 generic revocations/);
    await releaseSome(deps, 2);
    const told = await judge();
    assert.match(told, /^fail by .* 4 generic revocations were released within an hour/);
    assert.match(told, /the number set is 3; now it is 5 within a day/);
    assert.match(told, /audit list.*service key for leaked.*key revocations --go-on/);
    await releaseSome(deps, 3);
    assert.match(await judge(), /^fail .*their release is stopped/);
    await allowReleases(deps);
    assert.match(await judge(), /^ok no alarm stands; 0 /);
  });
}
