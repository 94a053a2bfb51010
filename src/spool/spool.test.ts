import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { haveWaiting, spoolIn } from "../../test/support/spool.ts";
import { after, fromUnixMs, MINUTE } from "../base/time.ts";
import { locked as lockedAt } from "../incoming/verdicts.ts";
import { parseAddress } from "../mail/address.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { roomFor } from "../mailbox/room.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { readSpoolUse } from "../store/spool/spool-use.ts";
import type { Store } from "../store/store.ts";
import {
  endWaiting,
  putMessage,
  readMessage,
  recordVerdict,
  storeMessage,
  type NewMessage,
} from "./spool.ts";
import { walkWaiting } from "./waiting-list.ts";

const now = fromUnixMs(1_800_000_000_000);
const alice = parseAddress("alice@alpha.test");
const bob = parseAddress("bob@beta.test");
assert(alice);
assert(bob);

const locked = lockedAt(now);

const confidential: MessageVerdict = {
  ...locked,
  state: "CONFIDENTIAL",
  warnings: ["OLD_SIGNATURE"],
  signature: "verified",
  signer: "alice@alpha.test",
  fingerprint: parseFingerprint("A".repeat(40)),
  scan: "not-possible",
  checkedAt: after(now, MINUTE),
  evidence: { dns: "SECURE_SRV" },
};

const sealed: NewMessage = {
  account: idOf(bob),
  body: Buffer.from("sealed \0 bytes \xff", "latin1"),
  form: "sealed",
  receivedAt: now,
  sizeBytes: 100,
  outerFrom: "alice@alpha.test",
  verdict: locked,
  messageId: "1@alpha.test",
  envelopeId: "e1",
};

/** What is known of an opened message whose author could not be asked. */
const later: MessageVerdict = { ...confidential, signature: "later", laterSince: now };

for (const { engine, open } of engines()) {
  test(`${engine}: a message waits as it came, with what is found out about it, until it is kept elsewhere`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await haveWaiting(store, sealed);
    const waiting = await readMessage(spoolIn(store), idOf(bob), id);
    assert.deepEqual(Buffer.from(waiting?.body ?? []), sealed.body);
    assert.deepEqual(waiting?.verdict, locked);
    assert.equal(waiting.summary.length, 0);
    assert.deepEqual([waiting.folder, waiting.flags], ["inbox", []]);
    const summary = Buffer.from("summary");
    assert(await recordVerdict(store, idOf(bob), id, later, { summary }));
    const [listed] = await Array.fromAsync(walkWaiting(store, idOf(bob)));
    assert.deepEqual(listed?.verdict, later);
    assert.equal(Buffer.from(listed.summary).toString(), "summary");
    assert.equal(listed.outerFrom, "alice@alpha.test");
    assert.equal(listed.messageId, "1@alpha.test");
    assert.deepEqual(listed.receivedAt, now);
    assert.equal(listed.sizeBytes, 100);
    await store.transaction(async (tx) => endWaiting(tx, idOf(bob), id));
    assert.deepEqual(await waitingIds(store), []);
    assert.equal(await recordVerdict(store, idOf(bob), id, later), false);
    assert.equal((await store.db.selectFrom("blobs").selectAll().execute()).length, 0);
  });

  test(`${engine}: the same content in the same envelope is stored once, also when it comes at once`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const contentHash = Buffer.alloc(32, 7);
    const ids = await Promise.all(
      Array.from({ length: 5 }, async (_none, copy) =>
        // Encrypting at rest gives other bytes each time: the hash of what came decides.
        haveWaiting(store, { ...sealed, body: Buffer.of(copy), contentHash }),
      ),
    );
    assert.equal(new Set(ids).size, 1);
    assert.equal((await Array.fromAsync(walkWaiting(store, idOf(bob)))).length, 1);
    assert.equal((await store.db.selectFrom("blobs").selectAll().execute()).length, 1);
    await haveWaiting(store, { ...sealed, contentHash, envelopeId: "e2" });
    await haveWaiting(store, { ...sealed, contentHash, account: idOf(alice) });
    assert.equal((await Array.fromAsync(walkWaiting(store, idOf(bob)))).length, 2);
  });

  test(`${engine}: a repetition leaves what was found out alone`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await haveWaiting(store, sealed);
    await recordVerdict(store, idOf(bob), id, later);
    assert.equal(await haveWaiting(store, sealed), id);
    assert.deepEqual((await readMessage(spoolIn(store), idOf(bob), id))?.verdict, later);
  });

  test(`${engine}: nobody reads or changes another's message`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await haveWaiting(store, sealed);
    assert.equal(await readMessage(spoolIn(store), idOf(alice), id), undefined);
    assert.equal(await recordVerdict(store, idOf(alice), id, later), false);
    await store.transaction(async (tx) => endWaiting(tx, idOf(alice), id));
    assert.deepEqual((await readMessage(spoolIn(store), idOf(bob), id))?.verdict, locked);
  });

  test(`${engine}: nobody stores a message with the octets of another's`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await haveWaiting(store, sealed);
    const { blob = "" } = (await readMessage(spoolIn(store), idOf(bob), id)) ?? {};
    const put = await putMessage(spoolIn(store), { ...sealed, account: idOf(alice) });
    await assert.rejects(storeMessage(store, { ...put, blob: { id: blob } }), /was deleted/);
    assert.deepEqual(await Array.fromAsync(walkWaiting(store, idOf(alice))), []);
  });

  test(`${engine}: waiting mail is listed in the order in which it came`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const ids = [];
    for (const minute of [1, 2, 3]) {
      const receivedAt = after(now, minute * MINUTE);
      ids.push(await haveWaiting(store, { ...sealed, receivedAt, envelopeId: `e${minute}` }));
    }
    assert.deepEqual(await waitingIds(store), ids);
  });

  test(`${engine}: quotas count what waits, by its own and with the mailbox`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    assert.deepEqual(await readSpoolUse(store, idOf(bob)), { messages: 0, bytes: 0 });
    const quota = { mailboxBytes: 300, pendingBytes: 150 };
    const id = await haveWaiting(store, { ...sealed, body: Buffer.alloc(100) });
    assert.equal(await roomFor(store, idOf(bob), quota, 50), "room");
    assert.equal(await roomFor(store, idOf(bob), quota, 51), "pending-full");
    assert.equal(await roomFor(store, idOf(bob), quota, 201), "mailbox-full");
    await recordVerdict(store, idOf(bob), id, later, { summary: Buffer.alloc(30) });
    await recordVerdict(store, idOf(bob), id, later, { summary: Buffer.alloc(20) });
    assert.deepEqual(await readSpoolUse(store, idOf(bob)), { messages: 1, bytes: 120 });
    await store.transaction(async (tx) => endWaiting(tx, idOf(bob), id));
    assert.deepEqual(await readSpoolUse(store, idOf(bob)), { messages: 0, bytes: 0 });
  });
}

async function waitingIds(store: Store): Promise<readonly string[]> {
  assert(bob !== undefined);
  return (await Array.fromAsync(walkWaiting(store, idOf(bob)))).map(({ id }) => id);
}
