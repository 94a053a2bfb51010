import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { fromUnixMs } from "../base/time.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { LoginDrains, type DrainRound } from "./login-drains.ts";
import type { LoggedIn } from "./sender.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const alice = addressOf("alice@alpha.test");

/** Rounds that last until they are told to end. */
function drains() {
  const begun: DrainRound[] = [];
  const ends: (() => void)[] = [];
  const running: Promise<void>[] = [];
  const made = new LoginDrains({
    open: async (account, round) => {
      assert.equal(account, idOf(alice));
      begun.push(round);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      ends.push(() => {
        resolve(undefined);
      });
      await promise;
    },
    run: (work) => {
      running.push(work());
    },
  });
  return { made, begun, ends, running };
}

async function login(generation: number): Promise<LoggedIn> {
  const { secretKey } = await generateKey({ address: alice, profile: "compat", now: NOW });
  const key = await readSecretKey(secretKey);
  const account: LoggedIn["account"] = {
    id: idOf(alice),
    address: alice,
    custody: "unlocks-at-login",
    createdAt: NOW,
    policy: undefined,
    mailboxKey: "same",
  };
  return { account, keys: new UnlockedKeys([key], key.fingerprint, []), generation };
}

/** A key that was wiped gives no copy of itself. */
function isWiped({ keys }: Pick<DrainRound, "keys">): boolean {
  try {
    using _copy = keys.active?.secretBytes();
    return false;
  } catch {
    return true;
  }
}

test("of the logins that come during a round only the last one has a round of its own, and all copies of keys are wiped", async () => {
  const { made, begun, ends, running } = drains();
  const logins = [await login(1), await login(2), await login(3)];
  for (const one of logins) made.begin(one);
  const [first = assert.fail()] = begun;
  assert.deepEqual([begun.length, first.generation, isWiped(first)], [1, 1, false]);
  ends[0]?.();
  await running[0];
  const [, next = assert.fail()] = begun;
  assert.deepEqual([begun.length, next.generation], [2, 3]);
  assert.deepEqual([isWiped(first), isWiped(next)], [true, false]);
  ends[1]?.();
  await running[1];
  assert(isWiped(next));
  assert.equal(begun.length, 2);
  assert(
    logins.every((one) => !isWiped(one)),
    "the keys of a login are its own",
  );
});

test("what waits for a round begins no more once it is stopped", async () => {
  const { made, begun, ends, running } = drains();
  made.begin(await login(1));
  made.begin(await login(2));
  made.stop();
  made.begin(await login(3));
  ends[0]?.();
  await Promise.all(running);
  assert.equal(begun.length, 1);
});
