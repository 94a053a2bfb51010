import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { longestBlock } from "../../test/support/longest-block.ts";
import { AppError, ProgramFault, TooCostly } from "../base/errors.ts";
import { after, DAY, fromUnixMs, MINUTE } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { clientProtection } from "../outgoing/already-protected.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import { examine } from "../pgpmime/examine.ts";
import { startCryptoPool } from "./crypto-pool.ts";

const NOW = fromUnixMs(1_795_000_000_000);

async function newKey(): Promise<UnlockedKey> {
  const address = parseAddress("alice@alpha.test");
  assert(address !== undefined);
  const made = await generateKey({ address, profile: "compat", now: after(NOW, -DAY) });
  return readSecretKey(made.secretKey);
}

function requestFor(signer: UnlockedKey, body = "text"): Parameters<SealMessage>[0] {
  return {
    message: Buffer.from(`From: alice@alpha.test\r\nSubject: s\r\n\r\n${body}\r\n`),
    signer,
    recipients: [signer.certificate],
    intended: [signer.fingerprint],
    now: NOW,
  };
}

test("what one worker seals another opens, and the caller's key stays usable", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 2 });
  const sealed = await Promise.all([1, 2, 3].map(async () => pool.seal(requestFor(key))));
  for (const message of sealed) {
    const opened = await pool.open({ message, keys: [key] });
    assert.equal(opened.kind, "opened");
    assert(Buffer.from(opened.payload).includes("text"));
  }
});

test("the reader of a blind copy is named also when a worker seals it", async () => {
  using key = await newKey();
  await using pool = startCryptoPool();
  const blindReader = parseAddress("alice@alpha.test");
  assert(blindReader !== undefined);
  const message = await pool.seal({ ...requestFor(key), blindReader });
  const opened = await pool.open({ message, keys: [key] });
  assert.equal(opened.kind, "opened");
  assert.match(Buffer.from(opened.payload).toString(), /^Bcc: alice@alpha\.test\r$/m);
  assert.doesNotMatch(Buffer.from(message).toString(), /^Bcc:/m);
});

test("a worker leaves the subject out of the text where that is asked for", async () => {
  using key = await newKey();
  await using pool = startCryptoPool();
  for (const legacyDisplay of [true, false]) {
    const message = await pool.seal({ ...requestFor(key), legacyDisplay });
    const opened = await pool.open({ message, keys: [key] });
    assert.equal(opened.kind, "opened");
    const text = Buffer.from(opened.payload).toString();
    assert.equal(text.includes("hp-legacy-display"), legacyDisplay);
  }
});

test("an opening over its time is too costly for now, not damaged, and the next message is opened", async () => {
  using key = await newKey();
  await using roomy = startCryptoPool();
  const message = await roomy.seal(requestFor(key, "x".repeat(8_000_000)));
  await using pool = startCryptoPool({ workers: 1, jobMs: 1 });
  await assert.rejects(pool.open({ message, keys: [key] }), TooCostly);
  await using next = startCryptoPool({ workers: 1, jobsPerWorker: 1 });
  for (let count = 0; count < 3; count += 1) {
    assert.equal((await next.open({ message, keys: [key] })).kind, "opened");
  }
});

test("stopping in the middle of an opening does not make the message damaged", async () => {
  using key = await newKey();
  await using roomy = startCryptoPool();
  const message = await roomy.seal(requestFor(key, "x".repeat(8_000_000)));
  const pool = startCryptoPool({ workers: 1 });
  const opening = pool.open({ message, keys: [key] });
  const outcome = assert.rejects(opening, (error) => error instanceof AppError && error.temporary);
  await pool[Symbol.asyncDispose]();
  await outcome;
});

test("more work than may wait is temporary trouble", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 1, waiting: 0 });
  await assert.rejects(pool.seal(requestFor(key)), (error) => {
    return error instanceof AppError && error.temporary;
  });
});

test("certificates that a user waits for are read while strangers' ones have no place", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 1, waiting: 4 });
  const { bytes } = key.certificate;
  const strangers = Promise.allSettled(
    [1, 2, 3, 4, 5].map(async () => pool.certificateWork.parseCertificates(bytes)),
  );
  const users = await pool.certificateWorkForUsers.parseCertificates(bytes);
  assert.equal(users.kind, "parsed");
  assert((await strangers).some(({ status }) => status === "rejected"));
});

test("what cannot be sealed is refused with the reason", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 1 });
  const message = Buffer.from("From: alice@alpha.test\n\nbare line feeds\n");
  await assert.rejects(pool.seal({ ...requestFor(key), message }), (error) => {
    return error instanceof AppError && !error.temporary && /bare/.test(error.message);
  });
});

test("an exception in the worker is a fault of the program, not damage of the message", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 1 });
  const noBytes = 5 as unknown as Uint8Array;
  await assert.rejects(pool.open({ message: noBytes, keys: [key] }), ProgramFault);
  const message = await pool.seal(requestFor(key));
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
});

/** The threads that got a job, one for each job. */
function watchWorkers(t: TestContext): () => readonly Worker[] {
  const { mock } = t.mock.method(Worker.prototype, "postMessage");
  return () => mock.calls.map((call) => call.this as Worker);
}

test("an idle worker that dies is given no job", async (t) => {
  using key = await newKey();
  const workers = watchWorkers(t);
  await using pool = startCryptoPool({ workers: 1 });
  const message = await pool.seal(requestFor(key));
  const [worker] = workers();
  assert(worker !== undefined);
  await worker.terminate();
  await setImmediate();
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
  assert.equal(workers().length, 2, "the dead worker was asked again");
});

test("a worker that dies at work is temporary trouble, not damage", async (t) => {
  using key = await newKey();
  const workers = watchWorkers(t);
  await using pool = startCryptoPool({ workers: 1 });
  const message = await pool.seal(requestFor(key, "x".repeat(8_000_000)));
  const [worker] = workers();
  assert(worker !== undefined);
  const opening = pool.open({ message, keys: [key] });
  const outcome = assert.rejects(opening, (error) => error instanceof AppError && error.temporary);
  await worker.terminate();
  await outcome;
  assert.equal((await pool.open({ message, keys: [key] })).kind, "opened");
});

/** A message of 35 MB with an attachment, as clients write it. */
function largeMessage(): Buffer {
  const head = "From: alice@alpha.test\r\nTo: bob@beta.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n";
  const part =
    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  const line = `${"QUJD".repeat(19)}\r\n`;
  const type = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
  return Buffer.from(`${head}${type}${part}${line.repeat(450_000)}--b--\r\n`, "latin1");
}

test("a large message is read and wrapped while others are answered, with the same result", async () => {
  using key = await newKey();
  await using pool = startCryptoPool({ workers: 1, jobMs: MINUTE });
  const message = largeMessage();
  const kept = { data: message, recipients: [key.certificate], now: NOW, isOwn: true };
  const read: unknown[] = [];
  let wrapped: Uint8Array = new Uint8Array();
  const blockedMs = await longestBlock(async () => {
    const { found, hash } = await pool.messageWork.examine(message);
    read.push(found, Buffer.from(hash), await pool.clientProtection(message));
    wrapped = await pool.encryptAtRest(kept);
  });
  const { found, hash } = examine(message);
  assert.deepEqual(read, [found, hash, clientProtection(message)]);
  const opened = await decrypt({ message: wrapped, keys: [key] });
  assert(opened.kind === "decrypted" && message.equals(opened.data));
  // Ten times what it is on a quiet machine; read here, it is as many seconds.
  assert(blockedMs < 400, `${blockedMs.toFixed(0)} ms`);
});
