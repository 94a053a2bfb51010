import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../mail/address.ts";
import { LoginTurns } from "./attempts.ts";

const alice = parseAddress("alice@alpha.test");
assert(alice);
const address = alice;

test("a network that guesses keeps nobody else waiting", async () => {
  const turns = new LoginTurns();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const order: string[] = [];
  const visit = (network: string, local: string) =>
    turns.take({ address: { ...address, local }, network }, undefined, async () => {
      await promise;
      order.push(network);
    });
  const guesses = Array.from({ length: 50 }, (_, at) => visit("guesser", String(at)));
  const honest = visit("honest", "alice");
  resolve(undefined);
  await honest;
  assert(order.indexOf("honest") <= 3, order.join(" "));
  await Promise.all(guesses);
});

test("the work of a client that has gone is dropped, and too many find no place", async () => {
  const turns = new LoginTurns();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const attempt = { address, network: "n" };
  const first = turns.take(attempt, undefined, () => promise);
  let looked = 0;
  const look = async () => {
    looked += 1;
    return Promise.resolve("looked");
  };
  const gone = new AbortController();
  const second = turns.take(attempt, gone.signal, look);
  gone.abort();
  assert.equal(await second, undefined);
  const many = Array.from({ length: 300 }, () => turns.take(attempt, undefined, look));
  resolve(undefined);
  await first;
  const answers = await Promise.all(many);
  assert(answers.includes(undefined));
  assert.equal(looked, answers.filter((one) => one === "looked").length);
});
