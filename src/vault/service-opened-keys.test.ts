import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, old, opened, withAlice, type Deps } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { replaceKeys } from "../keys/custody.ts";
import { endSessions } from "../keys/end-account.ts";
import { rotateKey } from "../keys/rotate.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { newServiceRoot, ServiceKey, ServiceKeys } from "./service-key.ts";
import { ServiceOpenedKeys } from "./service-opened-keys.ts";

const owner = idOf(alice);

/** The keys of one use, which has ended. */
async function use(kept: ServiceOpenedKeys, account = owner): Promise<readonly UnlockedKey[]> {
  using keys = await kept.open(account);
  return keys?.all ?? [];
}

function isWiped(key: UnlockedKey | undefined): boolean {
  assert(key);
  try {
    key.secretBytes()[Symbol.dispose]();
    return false;
  } catch {
    return true;
  }
}

async function rotate(deps: Deps): Promise<void> {
  using masterKey = await opened(deps, old());
  const rotation = { address: alice, reason: "superseded", text: "" } as const;
  await came(rotateKey(deps, deps.keyRules, masterKey, rotation), "rotated");
}

for (const { engine, open } of engines()) {
  test(`${engine}: keys stay open between two uses, with what they are for, and are wiped with the process`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store, "provider-usable");
    const kept = new ServiceOpenedKeys(deps);
    const [key] = await use(kept);
    {
      using again = await kept.open(owner);
      assert.equal(again?.all[0], key);
      assert.equal(again?.for(alice)?.fingerprint, first);
      assert.equal(again.mailbox, key);
      assert(again.generation !== undefined);
    }
    assert(!isWiped(key));
    kept[Symbol.dispose]();
    assert(isWiped(key));
    const [after] = await use(kept);
    assert(isWiped(after));
  });

  test(`${engine}: keys that nobody uses are wiped, and those of too many accounts`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    using shortly = new ServiceOpenedKeys(deps, { idleMs: 1 });
    const [idle] = await use(shortly);
    await new Promise<void>((resolve) => {
      idle?.whenDisposed(resolve);
    });
    using one = new ServiceOpenedKeys(deps, { accounts: 1 });
    const [key] = await use(one);
    const carol = addressOf("carol@alpha.test");
    await enrol(deps, { address: carol, custody: "provider-usable", profile: "compat" });
    const [others] = await use(one, idOf(carol));
    assert(isWiped(key) && !isWiped(others));
  });

  test(`${engine}: a rotation, the end of all sessions, another custody or another service key ends them`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    let next: readonly ServiceKey[] | undefined = [deps.serviceKeys.current];
    const serviceKeys = new ServiceKeys(() => {
      const keys = next;
      next = undefined;
      return keys;
    });
    using kept = new ServiceOpenedKeys({ ...deps, serviceKeys });
    const events = [
      async () => rotate(deps),
      async () => came(endSessions(deps, owner), "ended"),
      async () => {
        next = [new ServiceKey(newServiceRoot()), deps.serviceKeys.current];
        return Promise.resolve();
      },
      async () => {
        next = [deps.serviceKeys.current];
        return Promise.resolve();
      },
    ];
    for (const event of events) {
      const [before] = await use(kept);
      await event();
      const [now] = await use(kept);
      assert(isWiped(before) && !isWiped(now));
    }
    const [last] = await use(kept);
    using masterKey = await opened(deps, old());
    const wish = { why: "custody", custody: "unlocks-at-login", withRecoveryCode: false } as const;
    const taken = { ...wish, password: old() };
    await came(replaceKeys(deps, deps.keyRules, masterKey, taken), "renewed");
    assert.deepEqual(await use(kept), []);
    assert(isWiped(last));
  });

  test(`${engine}: keys that end while they are used are wiped after that use`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    using kept = new ServiceOpenedKeys(deps);
    const keys = await kept.open(owner);
    const [before] = keys?.all ?? [];
    await came(endSessions(deps, owner), "ended");
    const [now] = await use(kept);
    assert(now !== before && !isWiped(before));
    keys?.[Symbol.dispose]();
    assert(isWiped(before) && !isWiped(now));
  });
}
