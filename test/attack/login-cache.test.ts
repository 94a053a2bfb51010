/**
 * After a change of what opens the account, the login cache opens nothing with what it remembers. This holds in every
 * process, whatever is written back into the database.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/base/secret.ts";
import { MINUTE } from "../../src/base/time.ts";
import { giveToProvider, replaceKeys } from "../../src/keys/custody.ts";
import { closeAccount, endSessions } from "../../src/keys/end-account.ts";
import { LoginCache } from "../../src/login/login-cache.ts";
import { LoginTurns } from "../../src/login/login-turns.ts";
import { login } from "../../src/login/login.ts";
import { replacePassword, resetPassword } from "../../src/login/recover.ts";
import { repeatLogin } from "../../src/login/repeated-login.ts";
import { listGenerations } from "../../src/store/accounts/generations.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import type { Store } from "../../src/store/store.ts";
import { idOf } from "../support/accounts.ts";
import { engines } from "../support/engines.ts";
import { alice, fresh, network, old, opened, withAlice, type Deps } from "../support/key-life.ts";
import { came } from "../support/outcome.ts";
import { openTestStore } from "../support/tag-keys.ts";

type Change = {
  readonly event: (deps: Deps) => Promise<unknown>;
  /** What the old password comes to afterwards, looked at in full. */
  readonly after: "ok" | "refused";
};

const CHANGES: Readonly<Record<string, Change>> = {
  "a reset": { event: async (deps) => resetPassword(deps, idOf(alice), fresh()), after: "refused" },
  "another password": {
    event: async (deps) => replacePassword(deps, idOf(alice), old(), fresh()),
    after: "refused",
  },
  "the end of all sessions": {
    event: async (deps) => came(endSessions(deps, idOf(alice)), "ended"),
    after: "ok",
  },
  "the end of the account": {
    event: async (deps) => closeAccount(deps, idOf(alice), undefined),
    after: "refused",
  },
  "a change of custody": {
    event: async (deps) => {
      using key = await opened(deps, old());
      await came(giveToProvider(deps, key), "given");
    },
    after: "ok",
  },
  "a compromise": {
    event: async (deps) => {
      using key = await opened(deps, old());
      const rest = { withRecoveryCode: false, custody: "unlocks-at-login" } as const;
      const wish = { ...rest, password: old(), why: "compromised" } as const;
      await came(replaceKeys(deps, deps.keyRules, key, wish), "renewed");
    },
    after: "ok",
  },
};

/** A process of its own, which remembers a login of alice. */
async function remembering(deps: Deps, store: Store) {
  const cache = new LoginCache(deps.clock, () => 10 * MINUTE);
  const own = { ...deps, store, cache, turns: new LoginTurns(deps.clock) };
  const request = (password = old()) => ({ address: alice, password, network });
  const whole = async (password = old()) => {
    const result = await login(own, request(password));
    if (result.kind === "ok") result.keys[Symbol.dispose]();
    return result.kind;
  };
  const repeat = async (password = old()) => {
    const result = await repeatLogin(own, request(password));
    if (result.kind === "logged-in" && result.login.kind === "ok")
      result.login.keys[Symbol.dispose]();
    return result.kind;
  };
  assert.equal(await whole(), "ok");
  assert.equal(await repeat(), "logged-in");
  return { cache, whole, repeat };
}

for (const { engine, open, place } of engines()) {
  for (const [name, { event, after }] of Object.entries(CHANGES)) {
    test(`${engine}: ${name} in one process ends what every process remembers`, async () => {
      const options = await place();
      await using store = await openTestStore(options);
      await migrate(store);
      const { deps } = await withAlice(store);
      await using elsewhere = await openTestStore(options);
      const [here, there, swept] = [
        await remembering(deps, store),
        await remembering(deps, elsewhere),
        await remembering(deps, elsewhere),
      ];
      await event(deps);
      for (const one of [here, there]) {
        assert.equal(await one.repeat(), "unknown");
        if (after === "ok") assert.equal(one.cache.size, 0);
        assert.equal(await one.whole(), after);
      }
      await swept.cache.dropStale(async (accounts) => listGenerations(elsewhere, accounts));
      assert.equal(swept.cache.size, 0, "the sweep wipes what nobody tries");
    });
  }

  test(`${engine}: a row of the account that was written back lets no remembered password in`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { whole, repeat } = await remembering(deps, store);
    const before = await store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
    await came(replacePassword(deps, idOf(alice), old(), fresh()), "replaced");
    const { login_salt, login_verifier, login_service_key, login_kdf, generation } = before;
    const row = { login_salt, login_verifier, login_service_key, login_kdf };
    for (const stolen of [{ generation }, row, { ...row, generation }]) {
      await store.db.updateTable("accounts").set(stolen).execute();
      assert.equal(await repeat(), "unknown");
      assert.equal(await whole(), "refused");
    }
  });

  test(`${engine}: another verifier in the row lets no remembered password in`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { whole, repeat } = await remembering(deps, store);
    await store.db
      .updateTable("accounts")
      .set({ login_verifier: new Uint8Array(60).fill(1) })
      .execute();
    assert.equal(await repeat(), "unknown");
    assert.equal(await whole(), "refused");
  });

  test(`${engine}: a wrong password tried in another network says nothing of what is remembered, and is not counted by it`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { cache, repeat } = await remembering(deps, store);
    const own = { ...deps, cache, turns: new LoginTurns(deps.clock) };
    const guess = {
      address: alice,
      password: Secret.fromText("guess"),
      network: "198.51.100.0/24",
    };
    assert.equal((await repeatLogin(own, guess)).kind, "unknown");
    own.turns.succeeded(guess);
    assert.equal((await repeatLogin(own, guess)).kind, "unknown");
    assert.deepEqual(await store.db.selectFrom("attempts").selectAll().execute(), []);
    assert.equal(await repeat(Secret.fromText("guess")), "counted");
    assert.equal(await repeat(), "logged-in");
  });
}
