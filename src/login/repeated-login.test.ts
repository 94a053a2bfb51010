import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";

import { idOf } from "../../test/support/accounts.ts";
import { cpuStopwatch } from "../../test/support/cpu-time.ts";
import { engines } from "../../test/support/engines.ts";
import {
  alias,
  alice,
  depsFor,
  enrolAlice,
  fresh,
  network,
  old,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { Secret } from "../base/secret.ts";
import { MINUTE } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { addAlias } from "../keys/alias.ts";
import { closeAccount } from "../keys/end-account.ts";
import type { Store } from "../store/store.ts";
import { DEFAULT_LOGIN_LIMITS } from "./attempts.ts";
import { LoginCache } from "./login-cache.ts";
import { LoginTurns } from "./login-turns.ts";
import { login, type Login } from "./login.ts";
import { repeatLogin } from "./repeated-login.ts";

const ATTEMPTS = DEFAULT_LOGIN_LIMITS.failures;
const NO_REST = async (): Promise<void> => Promise.resolve();

/** One Argon2id takes more of a processor than this, and all the rest of a login less. */
const ARGON2_MS = 50;

async function world(store: Store, custody?: "user-device-only") {
  const base = depsFor(store);
  const cache = new LoginCache(base.clock, () => 10 * MINUTE);
  const deps = { ...base, cache, turns: new LoginTurns(base.clock, NO_REST) };
  await enrolAlice(deps, { password: old(), ...(custody === undefined ? {} : { custody }) });
  /** What a login came to, and whether it made an Argon2id. */
  const attempt = async (password = old(), from = network) => {
    const elapsed = cpuStopwatch();
    const result = await login(deps, { address: alice, password, network: from });
    const isSlow = elapsed() > ARGON2_MS;
    const seen = { ...view(result), isSlow };
    if (result.kind === "ok") result.keys[Symbol.dispose]();
    return seen;
  };
  return { deps, cache, attempt };
}

function view(result: Login) {
  if (result.kind !== "ok") return { kind: result.kind };
  return { kind: result.kind, active: result.keys.active?.fingerprint };
}

const SLOW = { kind: "ok", isSlow: true };
const QUICK = { kind: "ok", isSlow: false };

function kindOf({ kind, isSlow }: { kind: string; isSlow: boolean }) {
  return { kind, isSlow };
}

for (const { engine, open } of engines()) {
  test(`${engine}: a login that is repeated opens the same keys without an Argon2id, for 10 minutes`, async () => {
    await using store = await open();
    const { deps, attempt } = await world(store);
    const first = await attempt();
    assert.deepEqual(kindOf(first), SLOW);
    for (let at = 0; at < 3; at += 1) {
      deps.clock.advance(9 * MINUTE);
      assert.deepEqual(await attempt(), { ...first, isSlow: false });
    }
    deps.clock.advance(10 * MINUTE);
    assert.deepEqual(kindOf(await attempt()), SLOW);
    assert.deepEqual(kindOf(await attempt(old(), "198.51.100.0/24")), SLOW, "another network");
  });

  test(`${engine}: a wrong password beside an entry is counted once, takes an Argon2id, and leaves the entry`, async () => {
    await using store = await open();
    const { attempt } = await world(store);
    await attempt();
    assert.deepEqual(kindOf(await attempt(fresh())), { kind: "refused", isSlow: true });
    const counts = async () =>
      (await store.db.selectFrom("attempts").select("count").execute()).map(({ count }) => count);
    assert.deepEqual(await counts(), [1, 1]);
    assert.deepEqual(kindOf(await attempt()), QUICK);
    assert.deepEqual(await counts(), [1], "the right password forgets those of the account");
  });

  test(`${engine}: as many wrong passwords as without an entry close the account, and the entry does not let the right one in`, async () => {
    await using store = await open();
    const { deps, attempt } = await world(store);
    await attempt();
    const guesses = Array.from({ length: ATTEMPTS + 2 }, async (_, at) =>
      attempt(Secret.fromText(`guess ${at}`)),
    );
    const kinds = (await Promise.all(guesses)).map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "refused").length, ATTEMPTS);
    assert.equal(kinds.filter((kind) => kind === "throttled").length, 2);
    assert.equal((await attempt()).kind, "throttled");
    const actions = (await Array.fromAsync(listAudit(store, idOf(alice)))).map((one) => one.action);
    assert.equal(actions.filter((action) => action === "login.throttled").length, 1);
    deps.clock.advance(15 * MINUTE);
    assert.deepEqual(kindOf(await attempt()), SLOW);
  });

  test(`${engine}: a new alias gets its key at a repeated login, and a closed account none`, async () => {
    await using store = await open();
    const { deps, attempt } = await world(store);
    await attempt();
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, undefined), "added");
    const again = await repeatLogin(deps, { address: alice, password: old(), network });
    assert(again.kind === "logged-in" && again.login.kind === "ok");
    again.login.keys[Symbol.dispose]();
    const keys = await store.db.selectFrom("published_certificates").select("address").execute();
    assert.equal(keys.length, 2);
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    assert.deepEqual(kindOf(await attempt()), { kind: "refused", isSlow: true });
  });

  test(`${engine}: a device-only account is let in again, without keys`, async () => {
    await using store = await open();
    const { attempt } = await world(store, "user-device-only");
    await attempt();
    assert.deepEqual(await attempt(), { kind: "ok", active: undefined, isSlow: false });
  });
}

test("logins that take an Argon2id keep no repeated one waiting", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const { deps, attempt } = await world(store);
  await attempt();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const held = Array.from({ length: 10 }, async () =>
    deps.turns.take({ address: alice, network }, undefined, async () => promise),
  );
  assert.deepEqual(kindOf(await attempt()), QUICK);
  resolve(undefined);
  await Promise.all(held);
});

test("a guesser who is turned away because too many logins wait was counted nevertheless", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const { deps, attempt } = await world(store);
  await attempt();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const held = Array.from({ length: 201 }, async () =>
    deps.turns.take({ address: alice, network }, undefined, async () => promise),
  );
  for (let at = 0; at < ATTEMPTS; at += 1) {
    assert.equal((await attempt(Secret.fromText(`guess ${at}`))).kind, "busy");
  }
  resolve(undefined);
  await Promise.all(held);
  assert.equal((await attempt()).kind, "throttled");
});

test("another process, or this one after a restart, looks at a login in full", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const { deps, attempt } = await world(store);
  await attempt();
  const restarted = { ...deps, turns: new LoginTurns(deps.clock, NO_REST) };
  const elsewhere = { ...restarted, cache: new LoginCache(deps.clock, () => 10 * MINUTE) };
  for (const other of [restarted, elsewhere]) {
    const elapsed = cpuStopwatch();
    const result = await login(other, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    assert(elapsed() > ARGON2_MS);
  }
});

test("where a wrong password cannot be counted, the entry goes", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const { cache, attempt } = await world(store);
  await attempt();
  assert.equal(cache.size, 1);
  const full =
    "create trigger full before insert on attempts begin select raise(abort, 'full'); end";
  await sql.raw(full).execute(store.db);
  await assert.rejects(attempt(fresh()), /full/);
  assert.equal(cache.size, 0);
});
