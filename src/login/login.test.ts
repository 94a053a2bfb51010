import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, setLoginOnly, idOf, tryToEnrol } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { came } from "../../test/support/outcome.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { findAccount } from "../accounts/accounts.ts";
import { Secret } from "../base/secret.ts";
import { MINUTE } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { closeAccount } from "../keys/end-account.ts";
import { type EmailAddress, parseAddress } from "../mail/address.ts";
import type { Store } from "../store/store.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { newServiceRoot } from "../vault/service-key.ts";
import { DEFAULT_LOGIN_LIMITS, purgeAttempts } from "./attempts.ts";
import { LoginTurns } from "./login-turns.ts";
import { login, type LoginDeps } from "./login.ts";

const ATTEMPTS = DEFAULT_LOGIN_LIMITS.failures;

const alice = parseAddress("alice@alpha.test");
const nobody = parseAddress("nobody@alpha.test");
assert(alice);
assert(nobody);

function depsFor(store: Store) {
  return {
    store,
    clock: fakeClock(),
    serviceKeys: fixedServiceKeys(newServiceRoot()),
    keyRules: { profile: "compat" as const },
  };
}

const right = (): Secret => Secret.fromText("correct horse");
const wrong = (): Secret => Secret.fromText("wrong");
const wanted = { address: alice, custody: "unlocks-at-login", profile: "compat" } as const;
const network = "192.0.2.0/24";
const NO_REST = async (): Promise<void> => Promise.resolve();

for (const { engine, open } of engines()) {
  test(`${engine}: enrolment makes account and key together, and the password opens both`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const { account, certificate } = await enrol(deps, { ...wanted, password: right() });
    const result = await login(deps, { address: alice, password: right(), network });
    assert(result.kind === "ok");
    using keys = result.keys;
    assert.deepEqual(result.account, account);
    assert.equal(result.isLocked, false);
    assert.equal(keys.active?.fingerprint, certificate?.fingerprint);
    const audit = await Array.fromAsync(listAudit(store, idOf(alice)));
    assert.deepEqual(
      audit.map((one) => one.action),
      ["account.added", "key.created"],
    );
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: an enrolment that fails leaves no account`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { ...wanted, password: right() });
    const again = await tryToEnrol(deps, { ...wanted, password: wrong() });
    assert.deepEqual(again, { kind: "address-taken", as: "primary" });
    assert.equal(
      (await login(deps, { address: alice, password: wrong(), network })).kind,
      "refused",
    );
    // Without the audit log the last step fails, as in a crash before it.
    await store.db.schema.alterTable("audit").renameTo("audit_gone").execute();
    await assert.rejects(enrol(deps, { ...wanted, address: nobody, password: right() }));
    assert.equal(await findAccount(store, nobody), undefined);
  });

  test(`${engine}: a wrong password and an unknown account are refused alike`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { ...wanted, password: right() });
    const refused = { kind: "refused" };
    assert.deepEqual(await login(deps, { address: alice, password: wrong(), network }), refused);
    assert.deepEqual(await login(deps, { address: nobody, password: right(), network }), refused);
  });

  test(`${engine}: an account that is closed while it logs in is refused like one that does not exist`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { ...wanted, password: right(), key: "later" });
    let isClosed = false;
    const closing = new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "transaction") return value.bind(target) as unknown;
        return async (work: (tx: Store) => Promise<unknown>) => {
          // The first thing that a verified password writes.
          if (!isClosed) await came(closeAccount(deps, idOf(alice), undefined), "closed");
          isClosed = true;
          return store.transaction(work);
        };
      },
    });
    const request = { address: alice, password: right(), network };
    assert.deepEqual(await login({ ...deps, store: closing }, request), { kind: "refused" });
    assert(isClosed, "the password was verified first");
    assert.equal(await hasKeysHere(store, idOf(alice)), false);
  });

  test(`${engine}: ten wrong passwords close the account for that network, for a quarter of an hour, and for no other`, async () => {
    await using store = await open();
    const base = depsFor(store);
    const deps = { ...base, turns: new LoginTurns(base.clock, NO_REST) };
    await enrol(deps, { ...wanted, password: right() });
    const attempt = async (password: Secret, from = network): Promise<string> => {
      const result = await login(deps, { address: alice, password, network: from });
      if (result.kind === "ok") result.keys[Symbol.dispose]();
      return result.kind;
    };
    const kinds = await Promise.all(
      Array.from({ length: ATTEMPTS + 2 }, async () => attempt(wrong())),
    );
    assert.equal(kinds.filter((kind) => kind === "refused").length, ATTEMPTS);
    assert.equal(kinds.filter((kind) => kind === "throttled").length, 2);
    assert.equal(await attempt(right()), "throttled");
    assert.equal(await attempt(right(), "198.51.100.0/24"), "ok");
    const actions = (await Array.fromAsync(listAudit(store, idOf(alice)))).map((one) => one.action);
    assert.equal(actions.filter((action) => action === "login.throttled").length, 1);
    deps.clock.advance(15 * MINUTE);
    assert.equal(await attempt(right()), "ok");
    await purgeAttempts(store, deps.clock.now());
  });

  test(`${engine}: right passwords are not refused, however many come at once`, async () => {
    await using store = await open();
    const base = depsFor(store);
    const deps: LoginDeps = { ...base, turns: new LoginTurns(base.clock, NO_REST) };
    await enrol(deps, { ...wanted, password: right() });
    const attempt = async (password: Secret): Promise<string> => {
      const result = await login(deps, { address: alice, password, network });
      if (result.kind === "ok") result.keys[Symbol.dispose]();
      return result.kind;
    };
    const all = await Promise.all(Array.from({ length: 12 }, async () => attempt(right())));
    assert.deepEqual(new Set(all), new Set(["ok"]));
    // What a process that ended had in hand was not counted either.
    assert.deepEqual(await store.db.selectFrom("attempts").selectAll().execute(), []);
  });

  test(`${engine}: a network that guesses for ever new accounts is closed too`, async () => {
    await using store = await open();
    const loginLimits = { failures: 10, failuresPerNetwork: 5 };
    const deps: LoginDeps = { ...depsFor(store), loginLimits };
    await enrol(deps, { ...wanted, password: right() });
    const guess = async (name: string, from = network): Promise<string> => {
      const address = parseAddress(`${name}@alpha.test`);
      assert(address);
      return (await login(deps, { address, password: wrong(), network: from })).kind;
    };
    for (const name of ["a", "b", "c", "d", "e"]) assert.equal(await guess(name), "refused");
    assert.equal(await guess("f"), "throttled");
    const other = await login(deps, { address: alice, password: right(), network: "::/48" });
    assert(other.kind === "ok");
    other.keys[Symbol.dispose]();
  });

  test(`${engine}: who logged in from a network before is let in although others of it guessed too often`, async () => {
    await using store = await open();
    const base = depsFor(store);
    const loginLimits = { failures: 10, failuresPerNetwork: 2 };
    const deps: LoginDeps = { ...base, loginLimits, turns: new LoginTurns(base.clock, NO_REST) };
    await enrol(deps, { ...wanted, password: right() });
    const attempt = async (address: EmailAddress, password: Secret): Promise<string> => {
      const result = await login(deps, { address, password, network });
      if (result.kind === "ok") result.keys[Symbol.dispose]();
      return result.kind;
    };
    assert.equal(await attempt(alice, right()), "ok");
    for (const _guess of [1, 2]) assert.equal(await attempt(nobody, wrong()), "refused");
    assert.equal(await attempt(nobody, wrong()), "throttled");
    assert.equal(await attempt(alice, right()), "ok");
    // Wrong passwords for that account still count.
    for (let at = 0; at < 10; at += 1) assert.equal(await attempt(alice, wrong()), "refused");
    assert.equal(await attempt(alice, right()), "throttled");
  });

  test(`${engine}: the right password forgets the wrong ones before it`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { ...wanted, password: right() });
    for (let round = 0; round < 2; round += 1) {
      for (let attempt = 1; attempt < ATTEMPTS; attempt += 1) {
        assert.equal(
          (await login(deps, { address: alice, password: wrong(), network })).kind,
          "refused",
        );
      }
      assert.equal((await login(deps, { address: alice, password: right(), network })).kind, "ok");
    }
  });

  test(`${engine}: a password that was changed elsewhere logs in and opens nothing`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { ...wanted, password: right() });
    await setLoginOnly(deps, idOf(alice), Secret.fromText("new password"));
    const result = await login(deps, {
      address: alice,
      password: Secret.fromText("new password"),
      network,
    });
    assert(result.kind === "ok");
    assert.equal(result.isLocked, true);
    assert.equal(result.keys.active, undefined);
    assert.deepEqual(result.keys.all, []);
  });

  test(`${engine}: a device-only account logs in, without a key here`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const made = await enrol(deps, { ...wanted, custody: "user-device-only", password: right() });
    assert.equal(made.certificate, undefined);
    const result = await login(deps, { address: alice, password: right(), network });
    assert(result.kind === "ok");
    assert.equal(result.isLocked, true);
  });
}
