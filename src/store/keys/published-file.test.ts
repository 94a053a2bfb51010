/** What is kept beside the database, whatever becomes of the database. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { idOf, haveAccounts } from "../../../test/support/accounts.ts";
import { engines } from "../../../test/support/engines.ts";
import { AppError } from "../../base/errors.ts";
import { fromUnixMs } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { eraseAccount } from "../accounts/erase.ts";
import { beginFilling, endFilling } from "../engine/filling.ts";
import { migrate, requireMigrated } from "../engine/migrate.ts";
import type { Store } from "../store.ts";
import type { PublishedCertificate } from "./certificates.ts";
import { erasePublished, putBackRevoked, stopServing } from "./publish.ts";
import { publishedFileOf } from "./published-file-of.ts";
import {
  appendLines,
  certificateLine,
  eraseFromFile,
  passwordLine,
  readPublishedFile,
  servedLine,
} from "./published-file.ts";
import { holdPublication, isPublicationHeld } from "./published-version.ts";

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
    assert.equal(await readPublishedFile(file), undefined);
    await appendLines(file, [certificateLine(one)]);
    await appendFile(file, '{"kind":"certificate","fingerpr');
    await appendLines(file, [certificateLine(revoked)]);
    await appendLines(file, [passwordLine(idOf(alice), fromUnixMs(3000))]);
    await appendLines(file, [servedLine(one.fingerprint, false)]);
    const read = await readPublishedFile(file);
    assert.equal(read?.certificates[0]?.state, "compromised");
    assert.deepEqual(read.certificates[0].revokedAt, revoked.revokedAt);
    assert.deepEqual(read.passwords, [{ account: idOf(alice), at: fromUnixMs(3000) }]);
    assert(read.unserved.has(one.fingerprint));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });
});

test("who was erased is in no line of the file", async () => {
  await inFile(async (file) => {
    await appendLines(file, [certificateLine(one)]);
    await appendLines(file, [passwordLine(idOf(alice), fromUnixMs(3000))]);
    await eraseFromFile(file, { fingerprints: [one.fingerprint], account: idOf(alice) });
    assert.equal(await readFile(file, "utf8"), "");
  });
});

test("a file that takes only a part of a line is not taken for written", async () => {
  await inFile(async (file) => {
    const certificate = `{ ...one, address: { local: "a", domain: "b.example" }, bytes: new Uint8Array(3000), createdAt: new Date(0) }`;
    const script = `
      const { appendLines, certificateLine } = await import(${JSON.stringify(import.meta.resolve("./published-file.ts"))});
      const one = ${JSON.stringify({ ...one, bytes: undefined })};
      try { await appendLines(${JSON.stringify(file)}, [certificateLine(${certificate})]); } catch { process.exitCode = 7; }`;
    // A file of at most a block: the first write is short, and only the next one fails.
    const limited = 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"';
    const args = ["-c", limited, process.execPath, "--input-type=module", "-e", script];
    const { status } = spawnSync("/bin/bash", args, { encoding: "utf8" });
    assert.equal(status, 7);
    assert.equal((await stat(file)).size, 1024);
  });
});

for (const { engine, open } of engines()) {
  test(`${engine}: an erasure that is rolled back takes nothing out of the file, and a committed one does`, async () => {
    await using store = await open();
    await inFile(async (file) => {
      store.publishedFile = file;
      await haveAccounts(store, alice);
      await appendLines(file, [certificateLine(revoked)]);
      await appendLines(file, [passwordLine(idOf(alice), fromUnixMs(3000))]);
      const erase = async (tx: Store): Promise<void> => {
        await erasePublished(tx, [one.fingerprint]);
        await eraseAccount(tx, idOf(alice), fromUnixMs(3000));
      };
      const failing = store.transaction(async (tx) => {
        await erase(tx);
        throw new Error("the connection broke");
      });
      await assert.rejects(failing, /broke/);
      const read = await readPublishedFile(file);
      assert.equal(read?.certificates[0]?.state, "compromised");
      assert.equal(read.passwords.length, 1);
      await store.transaction(erase);
      assert.equal(await readFile(file, "utf8"), "");
    });
  });

  test(`${engine}: while publication is held no file is begun, and afterwards it begins with all there is`, async () => {
    await using store = await open();
    await inFile(async (file) => {
      await putBackRevoked(store, revoked);
      store.publishedFile = file;
      await holdPublication(store, true);
      await stopServing(store, one.fingerprint);
      assert.equal(await readPublishedFile(file), undefined);
      await holdPublication(store, false);
      assert.equal(await publishedFileOf(store), file);
      const read = await readPublishedFile(file);
      assert.equal(read?.certificates[0]?.state, "compromised");
      assert(read.unserved.has(one.fingerprint));
    });
  });

  test(`${engine}: no program starts on a database that a backup fills, and what was filled in is held`, async () => {
    await using store = await open();
    await beginFilling(store);
    // As after a first try that filled nothing in.
    await beginFilling(store);
    await assert.rejects(migrate(store), /interrupted/);
    await assert.rejects(requireMigrated(store), /interrupted/);
    await endFilling(store);
    await migrate(store);
    assert.equal(await isPublicationHeld(store), true);
    await endFilling(store);
    await holdPublication(store, false);
    assert.equal(await isPublicationHeld(store), false);
  });
}

test("a file that cannot be written is named, and says what to do", async () => {
  await assert.rejects(
    appendLines("/none/published", [certificateLine(one)]),
    (error) => error instanceof AppError && /published_file/.test(error.message),
  );
});
