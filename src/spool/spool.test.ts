import assert from "node:assert/strict";
import { test } from "node:test";

import { after, fromUnixMs, MINUTE } from "../base/time.ts";
import { locked as lockedAt } from "../incoming/verdicts.ts";
import { parseAddress } from "../mail/address.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import {
  listMessages,
  listWaiting,
  readMessage,
  recordVerdict,
  storeMessage,
  type NewMessage,
} from "./spool.ts";
import { roomFor } from "../mailbox/room.ts";
import { readMailboxUse } from "../store/mail/mailbox-use.ts";
import type { Store } from "../store/store.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

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
  state: "pending",
  envelopeId: "e1",
};

for (const { engine, open } of engines()) {
  test(`${engine}: a message waits as it came, and has a verdict and a summary afterwards`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await storeMessage(store, sealed);
    assert.deepEqual(await waitingIds(store), [id]);
    const waiting = await readMessage(store, idOf(bob), id);
    assert.deepEqual(Buffer.from(waiting?.body ?? []), sealed.body);
    assert.deepEqual(waiting?.verdict, locked);
    assert.equal(waiting.summary.length, 0);
    await recordVerdict(store, idOf(bob), id, confidential, { summary: Buffer.from("summary") });
    assert.deepEqual(await waitingIds(store), []);
    const [listed] = await listMessages(store, idOf(bob));
    assert.equal(listed?.state, "done");
    assert.deepEqual(listed.verdict, confidential);
    assert.equal(Buffer.from(listed.summary).toString(), "summary");
    assert.equal(listed.outerFrom, "alice@alpha.test");
    assert.equal(listed.messageId, "1@alpha.test");
    assert.deepEqual(listed.receivedAt, now);
    assert.equal(listed.sizeBytes, 100);
  });

  test(`${engine}: the same content in the same envelope is stored once, also when it comes at once`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const contentHash = Buffer.alloc(32, 7);
    const ids = await Promise.all(
      Array.from({ length: 5 }, async (_none, copy) =>
        // Encrypting at rest gives other bytes each time: the hash of what came decides.
        storeMessage(store, { ...sealed, body: Buffer.of(copy), contentHash }),
      ),
    );
    assert.equal(new Set(ids).size, 1);
    assert.equal((await listMessages(store, idOf(bob))).length, 1);
    await storeMessage(store, { ...sealed, contentHash, envelopeId: "e2" });
    await storeMessage(store, { ...sealed, contentHash, account: idOf(alice) });
    assert.equal((await listMessages(store, idOf(bob))).length, 2);
  });

  test(`${engine}: a repetition after the verdict leaves the verdict alone`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await storeMessage(store, sealed);
    await recordVerdict(store, idOf(bob), id, confidential);
    assert.equal(await storeMessage(store, sealed), id);
    assert.equal((await readMessage(store, idOf(bob), id))?.verdict.state, "CONFIDENTIAL");
  });

  test(`${engine}: nobody reads or changes another's message`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const id = await storeMessage(store, sealed);
    assert.equal(await readMessage(store, idOf(alice), id), undefined);
    await assert.rejects(recordVerdict(store, idOf(alice), id, confidential), /no such message/);
    assert.equal((await readMessage(store, idOf(bob), id))?.state, "pending");
  });

  test(`${engine}: pending mail is listed in the order in which it came, the mailbox the other way round`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    const ids = [];
    for (const minute of [1, 2, 3]) {
      const receivedAt = after(now, minute * MINUTE);
      ids.push(await storeMessage(store, { ...sealed, receivedAt, envelopeId: `e${minute}` }));
    }
    assert.deepEqual(await waitingIds(store), ids);
    assert.deepEqual(
      (await listMessages(store, idOf(bob))).map((one) => one.id),
      ids.toReversed(),
    );
  });

  test(`${engine}: quotas count what is stored, pending mail by its own`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, bob);
    assert.equal((await readMailboxUse(store, idOf(bob))).usedBytes, 0);
    const quota = { mailboxBytes: 300, pendingBytes: 150 };
    const id = await storeMessage(store, { ...sealed, body: Buffer.alloc(100) });
    assert.equal(await roomFor(store, idOf(bob), quota, 50), "room");
    assert.equal(await roomFor(store, idOf(bob), quota, 51), "pending-full");
    assert.equal(await roomFor(store, idOf(bob), quota, 201), "mailbox-full");
    await recordVerdict(store, idOf(bob), id, confidential, { summary: Buffer.alloc(30) });
    await recordVerdict(store, idOf(bob), id, confidential, { summary: Buffer.alloc(20) });
    assert.deepEqual(await readMailboxUse(store, idOf(bob)), {
      count: 1,
      usedBytes: 120,
      pendingCount: 0,
      pendingBytes: 0,
    });
  });
}

async function waitingIds(store: Store): Promise<readonly string[]> {
  assert(bob !== undefined);
  return (await listWaiting(store, idOf(bob))).map(({ id }) => id);
}
