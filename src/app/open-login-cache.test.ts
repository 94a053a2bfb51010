import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, network, old, withAlice } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { QUIET_CONFIG } from "../../test/support/quiet-submission.ts";
import { endSessions } from "../keys/end-account.ts";
import { LoginTurns } from "../login/login-turns.ts";
import { login } from "../login/login.ts";
import { openLoginCache, sweepLoginCache } from "./open-login-cache.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: the sweep wipes logins of accounts whose sessions ended, and all when the cache is switched off`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const config = { minutes: 10 };
    using cache = openLoginCache(deps, () => {
      const { limits } = QUIET_CONFIG;
      return { ...QUIET_CONFIG, limits: { ...limits, loginCacheMinutes: config.minutes } };
    });
    const sweep = sweepLoginCache(deps, cache);
    const own = { ...deps, cache, turns: new LoginTurns(deps.clock) };
    const sizeAfterLogin = async (): Promise<number> => {
      const result = await login(own, { address: alice, password: old(), network });
      assert(result.kind === "ok");
      result.keys[Symbol.dispose]();
      return cache.size;
    };
    assert.equal(await sizeAfterLogin(), 1);
    await sweep.run();
    assert.equal(cache.size, 1);
    await came(endSessions(deps, idOf(alice)), "ended");
    await sweep.run();
    assert.equal(cache.size, 0);
    assert.equal(await sizeAfterLogin(), 1);
    config.minutes = 0;
    await sweep.run();
    assert.equal(cache.size, 0);
    assert.equal(await sizeAfterLogin(), 0);
  });
}
