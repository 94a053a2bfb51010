import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../base/time.ts";
import { parseAddress, parseDomain, type EmailAddress } from "../mail/address.ts";
import { parseFingerprint, keyIdOf, type Fingerprint } from "../openpgp/fingerprint.ts";
import { engines } from "../../test/support/engines.ts";
import { insertAccount, listAccounts, readAccount, updatePolicy } from "./accounts.ts";
import { takeAuditPlace } from "./audit.ts";
import { countAttempt, forgetAttempts, purgeAttempts } from "./attempts.ts";
import { deleteCache, listCache, purgeCache, readCache, writeCache } from "./cache.ts";
import {
  findById,
  findPublished,
  listPublished,
  publish,
  publishedVersion,
  updatePublished,
  type PublishedCertificate,
} from "./certificates.ts";
import { saveGenericRevocation } from "./generic-revocations.ts";
import { migrate } from "./migrate.ts";
import { openStore, type Store } from "./store.ts";

const now = fromUnixMs(1_800_000_000_000);

function addressOf(text: string): EmailAddress {
  const address = parseAddress(text);
  assert(address, text);
  return address;
}

function fingerprintOf(digit: string, length = 40): Fingerprint {
  const fingerprint = parseFingerprint(digit.repeat(length));
  assert(fingerprint);
  return fingerprint;
}

const alice = addressOf("Alice@alpha.test");
const bob = addressOf("bob@beta.test");

function certificateOf(
  digit: string,
  more: Partial<PublishedCertificate> = {},
): PublishedCertificate {
  return {
    fingerprint: fingerprintOf(digit),
    version: 4,
    state: "active",
    bytes: Uint8Array.from([1, 0, 255]),
    createdAt: now,
    expiresAt: after(now, 100 * DAY),
    address: alice,
    ...more,
  };
}

async function keepRevocation(store: Store, fingerprint: Fingerprint): Promise<void> {
  await saveGenericRevocation(store, {
    fingerprint,
    owner: "alice@alpha.test",
    version: 1,
    wrapped: Uint8Array.from([1]),
    createdAt: now,
    serviceKey: "",
  });
}

const isRefused = { message: "the certificate may not be published", temporary: false };

for (const { engine, open, place } of engines()) {
  test(`${engine}: a certificate is found by address in any case, by fingerprint, subkey and key ID`, async () => {
    await using store = await open();
    const certificate = certificateOf("A");
    const subkey = fingerprintOf("B");
    await keepRevocation(store, certificate.fingerprint);
    await publish(store, certificate, [subkey]);
    assert.deepEqual(
      plain(await findPublished(store, addressOf("alice@ALPHA.test"))),
      plain(certificate),
    );
    for (const id of [
      certificate.fingerprint,
      subkey,
      keyIdOf(certificate.fingerprint),
      keyIdOf(subkey),
    ]) {
      assert.deepEqual((await findById(store, id)).map(plain), [plain(certificate)]);
    }
    assert.deepEqual(await findById(store, fingerprintOf("C")), []);
    assert.equal(await findPublished(store, bob), undefined);
  });

  test(`${engine}: a key without its generic revocation is never published`, async () => {
    await using store = await open();
    const before = await publishedVersion(store);
    await assert.rejects(publish(store, certificateOf("A"), []), isRefused);
    assert.deepEqual(await findById(store, fingerprintOf("A")), []);
    assert.equal(await publishedVersion(store), before);
  });

  test(`${engine}: what a constraint refuses is refused for good, other trouble of the database is temporary`, async () => {
    const database = await place();
    await using store = await openStore(database);
    await migrate(store);
    await keepRevocation(store, fingerprintOf("A"));
    await using readOnly = await openStore({ ...database, readOnly: true });
    const temporary = { name: "AppError", temporary: true };
    await assert.rejects(publish(readOnly, certificateOf("A"), []), temporary);
    await publish(store, certificateOf("A"), []);
    await assert.rejects(publish(store, certificateOf("A"), []), isRefused);
  });

  test(`${engine}: an address has at most one active certificate`, async () => {
    await using store = await open();
    for (const digit of ["A", "B"]) await keepRevocation(store, fingerprintOf(digit));
    await publish(store, certificateOf("A"), []);
    await assert.rejects(publish(store, certificateOf("B"), []), isRefused);
    const change = { state: "superseded" as const, bytes: Uint8Array.from([2]), revokedAt: now };
    await updatePublished(store, fingerprintOf("A"), change);
    await publish(store, certificateOf("B", { createdAt: after(now, DAY) }), []);
    assert.equal((await findPublished(store, alice))?.fingerprint, fingerprintOf("B"));
    const [old] = await findById(store, fingerprintOf("A"));
    assert.equal(old?.state, "superseded");
    assert.deepEqual(old.revokedAt, now);
    assert.deepEqual(
      (await listPublished(store, alice)).map((one) => one.state),
      ["active", "superseded"],
    );
  });

  test(`${engine}: who logs before he publishes and who logs behind it do not wait for each other`, async () => {
    await using store = await open();
    for (const [digit, address] of [
      ["A", alice],
      ["B", bob],
    ] as const) {
      await keepRevocation(store, fingerprintOf(digit));
      await publish(store, certificateOf(digit, { address }), []);
    }
    const change = { state: "superseded" as const, bytes: Uint8Array.from([2]), revokedAt: now };
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const isSqlite = engine === "sqlite";
    const one = store.transaction(async (tx) => {
      await takeAuditPlace(tx);
      first.resolve();
      // On SQLite the other one cannot even begin.
      await Promise.race([second.promise, setTimeout(isSqlite ? 0 : 500)]);
      await updatePublished(tx, fingerprintOf("A"), change);
    });
    await first.promise;
    const other = store.transaction(async (tx) => {
      await updatePublished(tx, fingerprintOf("B"), change);
      second.resolve();
      await takeAuditPlace(tx);
    });
    await Promise.all([one, other]);
    assert.equal(await findPublished(store, alice), undefined);
    assert.equal(await findPublished(store, bob), undefined);
  });

  test(`${engine}: every change of the published view raises its version`, async () => {
    await using store = await open();
    const versions = [await publishedVersion(store)];
    await keepRevocation(store, fingerprintOf("A"));
    await publish(store, certificateOf("A"), []);
    versions.push(await publishedVersion(store));
    await updatePublished(store, fingerprintOf("A"), { state: "retired", bytes: Uint8Array.of(3) });
    versions.push(await publishedVersion(store));
    assert.deepEqual(versions, [0, 1, 2]);
  });

  test(`${engine}: a cached certificate is never used after seven days, and never before it was fetched`, async () => {
    await using store = await open();
    const entry = {
      address: bob,
      certificate: Uint8Array.from([5, 6]),
      keyserver: "keys.beta.test",
      fetchedAt: now,
      freshUntil: after(now, 30 * DAY),
      endsAt: undefined,
    };
    await writeCache(store, { ...entry, certificate: Uint8Array.from([4]) });
    await writeCache(store, entry);
    const read = await readCache(store, bob, after(now, HOUR));
    assert.deepEqual(Buffer.from(read?.certificate ?? []), Buffer.from([5, 6]));
    assert.deepEqual(read?.freshUntil, after(now, 7 * DAY));
    assert(await readCache(store, bob, after(now, 7 * DAY - 1)));
    assert.equal(await readCache(store, bob, after(now, 7 * DAY)), undefined);
    assert.equal(await readCache(store, bob, after(now, -1)), undefined);
    assert.equal(await purgeCache(store, after(now, 7 * DAY - 1)), 0);
    assert.equal((await listCache(store)).length, 1);
    assert.equal(await purgeCache(store, after(now, 7 * DAY)), 1);
    assert.deepEqual(await listCache(store), []);
    await writeCache(store, entry);
    await deleteCache(store, bob);
    assert.equal(await readCache(store, bob, now), undefined);
  });

  test(`${engine}: an account is added once, whatever the case of its address`, async () => {
    await using store = await open();
    const account = {
      address: alice,
      custody: "provider-usable",
      policy: undefined,
      createdAt: now,
      mailboxKey: "same",
    } as const;
    assert.equal(await insertAccount(store, account), true);
    assert.equal(
      await insertAccount(store, { ...account, address: addressOf("ALICE@alpha.test") }),
      false,
    );
    assert.deepEqual((await readAccount(store, addressOf("alice@alpha.test")))?.account, account);
    await updatePolicy(store, alice, "require");
    assert.equal((await readAccount(store, alice))?.account.policy, "require");
    await insertAccount(store, { ...account, address: bob });
    assert.equal((await listAccounts(store)).length, 2);
    const alpha = parseDomain("alpha.test");
    assert.deepEqual(
      (await listAccounts(store, alpha)).map((one) => one.address.local),
      ["Alice"],
    );
  });

  test(`${engine}: attempts count within their window, also when they come at once`, async () => {
    await using store = await open();
    const count = async (at: Date) => countAttempt(store, "k", at, 15 * MINUTE);
    const counts = await Promise.all(Array.from({ length: 10 }, async () => count(now)));
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.equal(await count(after(now, 15 * MINUTE - 1)), 11);
    assert.equal(await count(after(now, 15 * MINUTE)), 1);
    await forgetAttempts(store, "k");
    assert.equal(await count(now), 1);
    await purgeAttempts(store, after(now, 1));
    assert.equal(await count(now), 1);
  });
}

/** Both engines give bytes in classes of their own. */
function plain(certificate: PublishedCertificate | undefined): unknown {
  assert(certificate);
  return { ...certificate, bytes: Buffer.from(certificate.bytes).toString("hex") };
}
