/** What is kept beside the database, whatever becomes of the database. */
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { AppError } from "../base/errors.ts";
import { fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import type { PublishedCertificate } from "./certificates.ts";
import {
  appendCertificate,
  appendPasswordChange,
  appendServed,
  eraseFromFile,
  readPublishedFile,
} from "./published-file.ts";

const alice = parseAddress("alice@alpha.test") ?? assert.fail();
const one: PublishedCertificate = {
  fingerprint: "11".repeat(20) as Fingerprint,
  version: 4,
  state: "active",
  bytes: Uint8Array.of(1, 2, 3),
  createdAt: fromUnixMs(1000),
  address: alice,
};
const revoked = { ...one, state: "compromised", revokedAt: fromUnixMs(2000) } as const;

async function inFile(work: (file: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-published-"));
  try {
    await work(join(dir, "published"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test("the last that was written of a certificate counts, also behind a line that a crash cut off", async () => {
  await inFile(async (file) => {
    assert.equal(readPublishedFile(file), undefined);
    appendCertificate(file, one);
    await appendFile(file, '{"kind":"certificate","fingerpr');
    appendCertificate(file, revoked);
    appendPasswordChange(file, alice, fromUnixMs(3000));
    appendServed(file, one.fingerprint, false);
    const read = readPublishedFile(file);
    assert.equal(read?.certificates[0]?.state, "compromised");
    assert.deepEqual(read.certificates[0].revokedAt, revoked.revokedAt);
    assert.deepEqual(read.passwords, [{ address: alice, at: fromUnixMs(3000) }]);
    assert(read.unserved.has(one.fingerprint));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });
});

test("who was erased is in no line of the file", async () => {
  await inFile(async (file) => {
    appendCertificate(file, one);
    appendPasswordChange(file, alice, fromUnixMs(3000));
    eraseFromFile(file, { fingerprints: [one.fingerprint], addresses: [alice] });
    assert.equal(await readFile(file, "utf8"), "");
  });
});

test("a file that cannot be written is named, and says what to do", () => {
  assert.throws(
    () => {
      appendCertificate("/none/published", one);
    },
    (error) => error instanceof AppError && /published_file/.test(error.message),
  );
});
