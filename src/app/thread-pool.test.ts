import assert from "node:assert/strict";
import { test } from "node:test";

import { type Outcome, PooledWorker } from "./pooled-worker.ts";
import { ThreadPool } from "./thread-pool.ts";

const LARGE = 2 * 1024 * 1024;

/** Octets that are given to the thread, so that the job has its place at once. */
async function run(pool: ThreadPool, octets: number): Promise<Outcome> {
  return pool.run({ name: "holds", request: new Uint8Array(octets), isGiven: true, keys: [] });
}

async function allDone(jobs: readonly Promise<Outcome>[]): Promise<void> {
  for (const { kind } of await Promise.all(jobs)) assert.equal(kind, "done");
}

test("two large jobs do not take both threads while a small one waits", async () => {
  await using pool = new ThreadPool({ workers: 2 });
  const large = [run(pool, LARGE), run(pool, LARGE)];
  assert.deepEqual(pool.figures, { workers: 1, running: 1, waiting: 1 });
  const small = run(pool, 1);
  assert.deepEqual(pool.figures, { workers: 2, running: 2, waiting: 1 }, "the small one runs");
  await allDone([...large, small]);
});

test("large jobs run together only while they hold no more octets than they may", async () => {
  await using pool = new ThreadPool({ workers: 4, largeOctets: 2 * LARGE });
  const jobs = [run(pool, LARGE), run(pool, LARGE), run(pool, LARGE)];
  assert.deepEqual(pool.figures, { workers: 2, running: 2, waiting: 1 });
  await allDone(jobs);
});

test("a job that is larger than all large ones may be runs as the only large one", async () => {
  await using pool = new ThreadPool({ workers: 3, largeOctets: LARGE });
  const jobs = [run(pool, 2 * LARGE), run(pool, LARGE)];
  assert.deepEqual(pool.figures, { workers: 1, running: 1, waiting: 1 });
  await allDone(jobs);
});

test("when a job ends, all that may run now do so", async () => {
  await using pool = new ThreadPool({ workers: 3, largeOctets: 2 * LARGE });
  const huge = run(pool, 3 * LARGE);
  const jobs = [run(pool, LARGE), run(pool, LARGE)];
  await huge;
  assert.deepEqual(pool.figures, { workers: 2, running: 2, waiting: 0 });
  await allDone(jobs);
});

test("a large job of a user waits for no smaller large ones that came after it", async () => {
  await using pool = new ThreadPool({ workers: 4, largeOctets: 3 * LARGE });
  const ended: string[] = [];
  const request = new Uint8Array(3 * LARGE);
  const jobs = [run(pool, LARGE), run(pool, LARGE)];
  const users = pool.run({ name: "holds", request, isGiven: true, isUsers: true, keys: [] });
  const later = run(pool, LARGE);
  assert.deepEqual(pool.figures, { workers: 2, running: 2, waiting: 2 }, "the later one waits too");
  const noted = [
    users.then(({ kind }) => ended.push(`user ${kind}`)),
    later.then(({ kind }) => ended.push(`stranger ${kind}`)),
  ];
  await allDone(jobs);
  await Promise.all(noted);
  assert.deepEqual(ended, ["user done", "stranger done"]);
});

test("a large job runs also where there is one thread", async () => {
  await using pool = new ThreadPool({ workers: 1 });
  await allDone([run(pool, LARGE), run(pool, LARGE)]);
});

test("the keys of a job that does not run are wiped", async () => {
  const pool = new ThreadPool({ workers: 1 });
  await pool[Symbol.asyncDispose]();
  const key = Uint8Array.of(1, 2, 3);
  const outcome = await pool.run({ name: "holds", request: new Uint8Array(1), keys: [key] });
  assert(outcome.kind === "failed" && outcome.temporary);
  assert.deepEqual(key, new Uint8Array(3));
});

test("what strangers cause leaves places to the mail of users, which goes first", async () => {
  await using pool = new ThreadPool({ workers: 1, waiting: 4 });
  const order: string[] = [];
  const job = async (name: string, isUsers: boolean): Promise<Outcome["kind"]> => {
    const request = new Uint8Array(1);
    const { kind } = await pool.run({ name: "holds", request, isGiven: true, isUsers, keys: [] });
    order.push(name);
    return kind;
  };
  const strangers = ["one", "two", "three", "four"].map(async (name) => job(name, false));
  assert.equal(await job("a fifth", false), "failed");
  assert.equal(await Promise.race([job("user", true), strangers[3]]), "done");
  assert.deepEqual(order, ["a fifth", "one", "user"]);
  for (const kind of await Promise.all(strangers)) assert.equal(kind, "done");
});

test("where no thread can be started, jobs end for now with their keys wiped, or wait for a thread that is there", async () => {
  let isOut = true;
  await using pool = new ThreadPool({ workers: 2 }, (ended) => {
    if (isOut) throw new Error("ERR_WORKER_INIT_FAILED");
    return new PooledWorker(ended);
  });
  const key = new Uint8Array(32).fill(7);
  const request = new Uint8Array(LARGE);
  const turnedAway = await pool.run({ name: "holds", request, isGiven: true, keys: [key] });
  assert(turnedAway.kind === "failed" && turnedAway.temporary && !turnedAway.isFault);
  assert.match(turnedAway.reason, /no thread can be started: ERR_WORKER_INIT_FAILED/);
  assert(key.every((octet) => octet === 0));
  assert.deepEqual(pool.figures, { workers: 0, running: 0, waiting: 0 });
  isOut = false;
  const first = run(pool, 1);
  isOut = true;
  const second = run(pool, 1);
  assert.deepEqual(pool.figures, { workers: 1, running: 1, waiting: 1 });
  await allDone([first, second]);
});

test("keys of a job that cannot be sent to its thread are wiped here", async () => {
  await using pool = new ThreadPool({ workers: 1 });
  const key = new Uint8Array(32).fill(7);
  const request = { message: () => "a function cannot be sent" };
  const outcome = await pool.run({ name: "holds", request, isGiven: true, keys: [key] });
  assert(outcome.kind === "failed" && outcome.isFault);
  assert(key.every((octet) => octet === 0));
  assert.equal((await run(pool, 1)).kind, "done", "the thread goes on");
});
