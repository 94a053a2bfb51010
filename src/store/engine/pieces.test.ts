import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { addressOf } from "../../../test/support/address.ts";
import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { engines } from "../../../test/support/engines.ts";
import { LARGE_OCTETS, type Octets } from "../../base/large-octets.ts";
import { fromUnixMs } from "../../base/time.ts";
import { locked } from "../../incoming/verdicts.ts";
import { listMessages, readMessage, recordVerdict, storeMessage } from "../../spool/spool.ts";
import type { NewMessage } from "../../spool/spool.ts";
import { eraseAccount } from "../accounts/erase.ts";
import {
  deleteOutbox,
  insertOutbox,
  readCopy,
  readWaiting,
  replaceCopy,
  type OutboxRow,
} from "../mail/outbox.ts";
import type { PiecesTable } from "./pieces.ts";
import type { Store } from "../store.ts";
import { readMailboxUse } from "../mail/mailbox-use.ts";

const NOW = fromUnixMs(1_800_000_000_000);
const OWNER = addressOf("bob@beta.test");
const LARGE = randomBytes(3 * LARGE_OCTETS + 17);
/** As a sealed message is stored: the ciphertext stands in slices of the memory it came in. */
const IN_SLICES = [
  LARGE.subarray(0, 4),
  LARGE.subarray(4, 4),
  LARGE.subarray(4, 1_000_000),
  LARGE.subarray(1_000_000),
];

const LOCKED = locked(NOW);

function message(body: Octets, envelopeId = "e"): NewMessage {
  return {
    account: idOf(OWNER),
    body,
    form: "sealed",
    receivedAt: NOW,
    sizeBytes: LARGE.length,
    outerFrom: "",
    verdict: LOCKED,
    state: "pending",
    envelopeId,
  };
}

function copy(id: string, wrapped: Uint8Array): OutboxRow {
  return {
    id,
    sender: OWNER,
    account: idOf(OWNER),
    messageId: "<m@beta.test>",
    envelope: "{}",
    wrapped,
    serviceKey: "old",
    createdAt: NOW,
  };
}

async function countPieces(store: Store, table: PiecesTable): Promise<number> {
  const rows = await store.db.selectFrom(table).select("number").execute();
  return rows.length;
}

async function bodyOf(store: Store, id: string): Promise<Buffer> {
  const stored = await readMessage(store, idOf(OWNER), id);
  assert(stored);
  return Buffer.from(stored.body);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a large body is read as it was given, in one piece or in slices, and is counted whole`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const one = await storeMessage(store, message(LARGE));
    const two = await storeMessage(store, message(IN_SLICES, "other"));
    assert(LARGE.equals(await bodyOf(store, one)));
    assert(LARGE.equals(await bodyOf(store, two)));
    assert.equal((await readMailboxUse(store, idOf(OWNER))).usedBytes, 2 * LARGE.length);
    const [row] = await store.db.selectFrom("messages").select(["body", "content_hash"]).execute();
    assert.equal(row?.body.length, 0);
    assert.deepEqual(Buffer.from(row.content_hash), createHash("sha256").update(LARGE).digest());
  });

  test(`${engine}: a body that is just not large stands in its row`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const border = LARGE.subarray(0, LARGE_OCTETS);
    const id = await storeMessage(store, message([border.subarray(0, 10), border.subarray(10)]));
    assert(border.equals(await bodyOf(store, id)));
    assert.equal(await countPieces(store, "message_pieces"), 0);
    const larger = await storeMessage(store, message(LARGE.subarray(0, LARGE_OCTETS + 1), "other"));
    assert.equal((await bodyOf(store, larger)).length, LARGE_OCTETS + 1);
    assert.equal(await countPieces(store, "message_pieces"), 1);
  });

  test(`${engine}: a large message that comes again is stored once`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const first = await storeMessage(store, message(LARGE));
    const before = await countPieces(store, "message_pieces");
    assert.equal(await storeMessage(store, message(LARGE)), first);
    assert.equal(await countPieces(store, "message_pieces"), before);
    assert.equal((await listMessages(store, idOf(OWNER))).length, 1);
  });

  test(`${engine}: a body in place of another leaves nothing of it, whichever of them is large`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const id = await storeMessage(store, message(LARGE));
    const other = randomBytes(LARGE.length - 1000);
    const summary = randomBytes(100);
    for (const body of [other, Buffer.from("small"), LARGE]) {
      await recordVerdict(store, idOf(OWNER), id, LOCKED, { body });
      assert(body.equals(await bodyOf(store, id)));
      assert.equal((await readMailboxUse(store, idOf(OWNER))).usedBytes, body.length);
    }
    await recordVerdict(store, idOf(OWNER), id, LOCKED, { summary });
    assert.equal((await readMailboxUse(store, idOf(OWNER))).usedBytes, LARGE.length + 100);
    await recordVerdict(store, idOf(OWNER), id, LOCKED, { body: other });
    assert.equal((await readMailboxUse(store, idOf(OWNER))).usedBytes, other.length + 100);
    await recordVerdict(store, idOf(OWNER), id, LOCKED, {
      body: Buffer.from("small"),
      summary: summary.subarray(50),
    });
    assert.equal((await readMailboxUse(store, idOf(OWNER))).usedBytes, 5 + 50);
    assert.equal(await countPieces(store, "message_pieces"), 0);
  });

  test(`${engine}: a reader meets one body whole while others take its place`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const bodies = [LARGE, randomBytes(LARGE.length), randomBytes(LARGE.length - 300_000)];
    const id = await storeMessage(store, message(LARGE));
    const writer = { isOver: false };
    const writing = (async (): Promise<void> => {
      for (const body of [...bodies, ...bodies]) {
        await recordVerdict(store, idOf(OWNER), id, LOCKED, { body });
      }
      writer.isOver = true;
    })();
    let reads = 0;
    while (!writer.isOver) {
      const read = await bodyOf(store, id);
      assert(bodies.some((body) => body.equals(read)));
      reads += 1;
    }
    await writing;
    assert(reads > 0);
  });

  test(`${engine}: a body that could not be written whole is not there at all`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const stop = new Error("stopped");
    const body = Object.defineProperty(Buffer.from(LARGE), "subarray", {
      value: () => {
        throw stop;
      },
    });
    await assert.rejects(
      async () => storeMessage(store, { ...message(body), contentHash: randomBytes(32) }),
      stop,
    );
    assert.deepEqual(await listMessages(store, idOf(OWNER)), []);
    assert.equal(await countPieces(store, "message_pieces"), 0);
  });

  test(`${engine}: a large copy waits whole, also under another service key, and leaves nothing when it is sent`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    await insertOutbox(store, [copy("a", LARGE), copy("b", Buffer.from("small"))]);
    const other = randomBytes(LARGE.length);
    await replaceCopy(store, { id: "a", wrapped: other, serviceKey: "new" });
    assert((await readWaiting(store, "a")) !== undefined);
    const read = await readCopy(store, "a");
    assert(read);
    assert(other.equals(read.wrapped));
    assert.equal(read.serviceKey, "new");
    const before = await countPieces(store, "outbox_pieces");
    await replaceCopy(store, { id: "gone", wrapped: other, serviceKey: "new" });
    assert.equal(await countPieces(store, "outbox_pieces"), before);
    await deleteOutbox(store, "a");
    assert.equal(await countPieces(store, "outbox_pieces"), 0);
    assert.equal(await readCopy(store, "a"), undefined);
  });

  test(`${engine}: a row whose pieces somebody deleted is an error, whether all are gone or one`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const id = await storeMessage(store, message(LARGE));
    await insertOutbox(store, [copy("a", LARGE)]);
    const missing = { name: "AppError", message: /pieces of a message are missing/ };
    for (const gone of [[0], [0, 1, 2, 3, 4, 5, 6, 7]]) {
      for (const table of ["message_pieces", "outbox_pieces"] as const) {
        await store.db.deleteFrom(table).where("number", "in", gone).execute();
      }
      await assert.rejects(readMessage(store, idOf(OWNER), id), missing);
      await assert.rejects(readCopy(store, "a"), missing);
    }
  });

  test(`${engine}: an erased account leaves no piece`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    await storeMessage(store, message(LARGE));
    await insertOutbox(store, [copy("a", LARGE)]);
    await store.transaction(async (tx) => eraseAccount(tx, idOf(OWNER), NOW));
    assert.equal(await countPieces(store, "message_pieces"), 0);
    assert.equal(await countPieces(store, "outbox_pieces"), 0);
  });
}
