import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { DAY, MINUTE } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { LoginTurns } from "./login-turns.ts";

const address = parseAddress("alice@alpha.test") ?? assert.fail();
const attemptOf = (network: string, local = "alice") => ({
  address: { ...address, local },
  network,
});

const NO_REST = async (): Promise<void> => Promise.resolve();

/** Turns in which the work of every login waits until it is let go, and is noted in its order. */
function held() {
  const clock = fakeClock();
  const turns = new LoginTurns(clock, NO_REST);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const order: string[] = [];
  const visit = (network: string, local?: string) =>
    turns.take(attemptOf(network, local), undefined, async () => {
      await promise;
      order.push(network);
      return network;
    });
  return { clock, turns, order, visit, letGo: () => resolve(undefined) };
}

test("a network that guesses keeps nobody else waiting", async () => {
  const { visit, order, letGo } = held();
  const guesses = Array.from({ length: 50 }, (_, at) => visit("guesser", String(at)));
  const honest = visit("honest");
  letGo();
  await honest;
  assert(order.indexOf("honest") <= 3, order.join(" "));
  await Promise.all(guesses);
});

test("an account that logged in from a network before waits for no stranger, however many networks they have", async () => {
  const { turns, visit, order, letGo } = held();
  turns.succeeded(attemptOf("home"));
  const guesses = Array.from({ length: 1000 }, (_, at) => visit(`guesser${at}`, String(at)));
  // Nothing is let go yet: the strangers hold all that they can have.
  const home = await turns.take(attemptOf("home"), undefined, async () => "looked at");
  assert.equal(home, "looked at");
  letGo();
  const answers = await Promise.all(guesses);
  assert(answers.includes(undefined), "the queue of strangers has an end");
  assert.equal(order.length, answers.filter((one) => one !== undefined).length);
});

test("networks that were wrong fill only the queue of those that were wrong", async () => {
  const { turns, visit, order, letGo } = held();
  for (let at = 0; at < 300; at += 1) turns.failed(attemptOf(`guesser${at}`));
  const guesses = Array.from({ length: 300 }, (_, at) => visit(`guesser${at}`, String(at)));
  const answer = await turns.take(attemptOf("hotel"), undefined, async () => "looked at");
  assert.equal(answer, "looked at");
  letGo();
  await Promise.all(guesses);
  assert.equal(order.length, 201);
});

test("after a network was wrong its answer is there at once, and the next of these waits until the place has rested", async () => {
  const rested = Promise.withResolvers<void>();
  const rests: number[] = [];
  const turns = new LoginTurns(fakeClock(), async (ms) => {
    rests.push(ms);
    return rested.promise;
  });
  for (const network of ["a", "b"]) turns.failed(attemptOf(network));
  assert.equal(await turns.take(attemptOf("a"), undefined, async () => "first"), "first");
  let isLookedAt = false;
  const next = turns.take(attemptOf("b"), undefined, async () => {
    isLookedAt = true;
    return Promise.resolve("second");
  });
  // Another kind does not rest.
  assert.equal(await turns.take(attemptOf("c"), undefined, async () => "third"), "third");
  assert(!isLookedAt);
  rested.resolve();
  assert.equal(await next, "second");
  assert.equal(rests.length, 2);
  const fails = async (): Promise<never> => Promise.reject(new Error("no database"));
  await assert.rejects(turns.take(attemptOf("a"), undefined, fails), /no database/);
});

test("who was wrong from a network is a stranger there again after 15 minutes, and who was seen after 30 days", () => {
  const { turns, clock } = held();
  turns.succeeded(attemptOf("home"));
  assert(turns.hasSeen(attemptOf("home")));
  assert(!turns.hasSeen(attemptOf("elsewhere")));
  assert(!turns.hasSeen(attemptOf("home", "bob")));
  clock.advance(30 * DAY - MINUTE);
  assert(turns.hasSeen(attemptOf("home")));
  clock.advance(MINUTE);
  assert(!turns.hasSeen(attemptOf("home")));
});

test("the work of a client that has gone is dropped, and too many find no place", async () => {
  const { turns } = held();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const attempt = attemptOf("n");
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
