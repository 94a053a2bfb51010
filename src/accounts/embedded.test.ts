import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "../base/secret.ts";
import { parseAddress } from "../mail/address.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { addAccount, findAccount, hashPassword, verifyPassword } from "./embedded.ts";

const clock = fakeClock();
const alice = parseAddress("alice@alpha.test");
const nobody = parseAddress("nobody@alpha.test");
assert(alice);
assert(nobody);

for (const { engine, open } of engines()) {
  test(`${engine}: the right password gives the account, any other and any unknown address nothing`, async () => {
    await using store = await open();
    const login = await hashPassword(Secret.fromText("correct horse"));
    const wanted = { address: alice, custody: "unlocks-at-login" } as const;
    const account = await addAccount({ store, clock }, wanted, login);
    assert.deepEqual(await verifyPassword(store, alice, Secret.fromText("correct horse")), account);
    assert.equal(await verifyPassword(store, alice, Secret.fromText("correct hors")), undefined);
    assert.equal(await verifyPassword(store, alice, Secret.fromText("")), undefined);
    assert.equal(await verifyPassword(store, nobody, Secret.fromText("correct horse")), undefined);
    assert.deepEqual(await findAccount(store, alice), account);
    assert.equal(await findAccount(store, nobody), undefined);
    await assert.rejects(addAccount({ store, clock }, wanted, login), /there is an account/);
  });
}

test("the same password never gives the same hash", async () => {
  const [one, two] = await Promise.all(
    [1, 2].map(async () => hashPassword(Secret.fromText("same"))),
  );
  assert.notDeepEqual(one?.hash, two?.hash);
});

test("an unknown address takes about the same work as a wrong password", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const login = await hashPassword(Secret.fromText("right"));
  await addAccount({ store, clock }, { address: alice, custody: "unlocks-at-login" }, login);
  const timeOf = async (address: typeof alice): Promise<number> => {
    const start = process.cpuUsage();
    await verifyPassword(store, address, Secret.fromText("wrong"));
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  // Interleaved, and compared by effect size: a missing hash would be a hundredfold.
  const known: number[] = [];
  const unknown: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    known.push(await timeOf(alice));
    unknown.push(await timeOf(nobody));
  }
  const ratio = median(unknown) / median(known);
  assert(ratio > 0.5 && ratio < 2, `ratio ${ratio.toFixed(2)}`);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
