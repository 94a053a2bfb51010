import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { after, DAY, fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { ownKeys, importSecret } from "../openpgp/keys/own-keys.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { type CryptoPool, startCryptoPool } from "./crypto-pool.ts";
import { KeyNames, KeysHere, KeysOver } from "./held-keys.ts";
import type { Sent } from "./pooled-worker.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const address = parseAddress("alice@alpha.test") ?? assert.fail();

async function newKey(): Promise<UnlockedKey> {
  const made = await generateKey({ address, profile: "compat", now: after(NOW, -DAY) });
  return readSecretKey(made.secretKey);
}

function copyOf(key: UnlockedKey): Uint8Array {
  using secret = key.secretBytes();
  return Uint8Array.from(secret.reveal());
}

const isWiped = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

async function seal(pool: CryptoPool, key: UnlockedKey): Promise<Uint8Array> {
  return pool.seal({
    message: Buffer.from("From: alice@alpha.test\r\nSubject: s\r\n\r\ntext\r\n"),
    signer: key,
    recipients: [key.certificate],
    intended: [key.fingerprint],
    now: NOW,
  });
}

test("a thread is sent the octets of a key once, and that it has ended once", async (t) => {
  const { mock } = t.mock.method(Worker.prototype, "postMessage");
  const sent = () => mock.calls.map((call) => call.arguments[0] as Sent);
  await using pool = startCryptoPool({ workers: 1 });
  const key = await newKey();
  const message = await seal(pool, key);
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
  await seal(pool, key);
  const jobs = sent().flatMap((one) => (one.kind === "job" ? [one.keys] : []));
  assert.deepEqual(
    jobs.map(([one]) => one?.octets !== undefined),
    [true, false, false],
  );
  key[Symbol.dispose]();
  key[Symbol.dispose]();
  const id = jobs[0]?.[0]?.id;
  assert.deepEqual(sent().slice(3), [{ kind: "forget", ids: [id] }]);
});

test("a key that ended is of no use here, and every thread that had it is told", async (t) => {
  const { mock } = t.mock.method(Worker.prototype, "postMessage");
  await using pool = startCryptoPool({ workers: 2 });
  const key = await newKey();
  await Promise.all([seal(pool, key), seal(pool, key)]);
  const before = mock.calls.length;
  key[Symbol.dispose]();
  const told = mock.calls.slice(before);
  assert.deepEqual(new Set(told.map((call) => call.this)).size, 2);
  for (const call of told) assert.equal((call.arguments[0] as Sent).kind, "forget");
  await assert.rejects(async () => seal(pool, key), /wiped/);
});

test("a job that was accepted before its key ended is done, and nothing of the key is kept", async (t) => {
  const { mock } = t.mock.method(Worker.prototype, "postMessage");
  await using pool = startCryptoPool({ workers: 1 });
  const [busy, key] = [await newKey(), await newKey()];
  const jobs = [seal(pool, busy), seal(pool, key), seal(pool, key)];
  key[Symbol.dispose]();
  for (const message of await Promise.all(jobs)) assert(message.length > 0);
  const sent = mock.calls.map((call) => call.arguments[0] as Sent);
  const kept = sent.flatMap((one) => (one.kind === "job" ? one.keys.map(({ id }) => id) : []));
  assert.deepEqual(kept, [kept[0], undefined, undefined]);
  busy[Symbol.dispose]();
});

test("a thread that takes the place of another has no keys", async () => {
  await using pool = startCryptoPool({ workers: 1, jobsPerWorker: 1 });
  using key = await newKey();
  const message = await seal(pool, key);
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
});

test("a thread that dies at work leaves nobody believing that it has the key", async (t) => {
  const { mock } = t.mock.method(Worker.prototype, "postMessage");
  await using pool = startCryptoPool({ workers: 1 });
  using key = await newKey();
  const message = await seal(pool, key);
  const thread = mock.calls[0]?.this as Worker;
  const ended = once(thread, "exit");
  await thread.terminate();
  await ended;
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
});

test("keys that a thread keeps are wiped when they are forgotten, but not under the job that uses them", async () => {
  using key = await newKey();
  const here = new KeysHere();
  const octets = copyOf(key);
  {
    using job = new DisposableStack();
    const [own] = await here.forJob([{ id: 1, octets }], job);
    assert(own);
    const [signing] = ownKeys(own);
    assert(signing);
    const object = importSecret(signing);
    here.forget([1]);
    assert.equal(importSecret(signing), object, "made once");
    await assert.rejects(here.forJob([{ id: 1 }], job), /not in its thread/);
    assert.equal(here.wipe(), 1);
    assert.throws(() => importSecret(signing), /wiped/);
    assert.throws(() => own.secretBytes(), /wiped/);
  }
  assert(isWiped(octets));
  assert.equal(here.wipe(), 0);
});

test("a key that is not to be kept is wiped with its job, and so are all copies of a job that fails", async () => {
  using key = await newKey();
  const here = new KeysHere();
  const copies = [copyOf(key), Uint8Array.of(1, 2, 3), copyOf(key)];
  let own: UnlockedKey | undefined;
  {
    using job = new DisposableStack();
    [own] = await here.forJob([{ octets: copyOf(key) }], job);
    const sent = copies.map((octets) => ({ octets }));
    await assert.rejects(here.forJob(sent, job), /cannot be read/);
  }
  assert.throws(() => own?.secretBytes(), /wiped/);
  assert(copies.every(isWiped));
});

test("a thread keeps so many keys and no more; the copy of one that it has is wiped", async () => {
  const over = new KeysOver();
  const first = { id: 1, hasEnded: false };
  over.toSend([Uint8Array.of(1)], [first]);
  for (let id = 2; id <= 500; id += 1) over.toSend([Uint8Array.of(1)], [{ id, hasEnded: false }]);
  const copy = Uint8Array.of(7);
  assert.deepEqual(over.toSend([copy], [first]), [{ id: 1 }]);
  assert(isWiped(copy));
  assert.deepEqual(over.tooMany(), []);
  over.toSend([Uint8Array.of(1)], [{ id: 501, hasEnded: false }]);
  assert.deepEqual(over.tooMany(), [2], "the one used the longest ago");
});

test("a key that has ended before it has a name is not kept for ever", async () => {
  const ended: number[] = [];
  const names = new KeyNames((id) => ended.push(id));
  const key = await newKey();
  key[Symbol.dispose]();
  const name = names.of(key);
  assert.deepEqual([name.hasEnded, ended], [true, [name.id]]);
});
