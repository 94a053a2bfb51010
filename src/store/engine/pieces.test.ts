import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { haveWaiting, spoolIn } from "../../../test/support/spool.ts";
import { LARGE_OCTETS, type Octets } from "../../base/large-octets.ts";
import { fromUnixMs } from "../../base/time.ts";
import { locked } from "../../incoming/verdicts.ts";
import { readMessage, type NewMessage } from "../../spool/spool.ts";
import { walkWaiting } from "../../spool/waiting-list.ts";
import { eraseAccount } from "../accounts/erase.ts";
import {
  deleteOutbox,
  insertOutbox,
  readCopy,
  readWaiting,
  replaceCopy,
  type OutboxRow,
} from "../mail/outbox.ts";
import { readSpoolUse } from "../spool/spool-use.ts";
import type { Store } from "../store.ts";
import type { PiecesTable } from "./pieces.ts";

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
  const stored = await readMessage(spoolIn(store), idOf(OWNER), id);
  assert(stored);
  return Buffer.from(stored.body);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a large body is read as it was given, in one piece or in slices, and is counted whole`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const one = await haveWaiting(store, message(LARGE));
    const two = await haveWaiting(store, message(IN_SLICES, "other"));
    assert(LARGE.equals(await bodyOf(store, one)));
    assert(LARGE.equals(await bodyOf(store, two)));
    assert.equal((await readSpoolUse(store, idOf(OWNER))).bytes, 2 * LARGE.length);
    const [blob] = await store.db.selectFrom("blobs").select("bytes").execute();
    assert.equal(blob?.bytes.length, 0);
    const [row] = await store.db.selectFrom("spool").select("content_hash").execute();
    assert(row);
    assert.deepEqual(Buffer.from(row.content_hash), createHash("sha256").update(LARGE).digest());
  });

  test(`${engine}: a body that is just not large stands in its row`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const border = LARGE.subarray(0, LARGE_OCTETS);
    const id = await haveWaiting(store, message([border.subarray(0, 10), border.subarray(10)]));
    assert(border.equals(await bodyOf(store, id)));
    assert.equal(await countPieces(store, "blob_pieces"), 0);
    const larger = await haveWaiting(store, message(LARGE.subarray(0, LARGE_OCTETS + 1), "other"));
    assert.equal((await bodyOf(store, larger)).length, LARGE_OCTETS + 1);
    assert.equal(await countPieces(store, "blob_pieces"), 1);
  });

  test(`${engine}: a large message that comes again is stored once`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const first = await haveWaiting(store, message(LARGE));
    const before = await countPieces(store, "blob_pieces");
    assert.equal(await haveWaiting(store, message(LARGE)), first);
    assert.equal(await countPieces(store, "blob_pieces"), before);
    assert.equal((await Array.fromAsync(walkWaiting(store, idOf(OWNER)))).length, 1);
  });

  test(`${engine}: a copy in place of another leaves nothing of it, whichever of them is large`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    await insertOutbox(store, [copy("a", LARGE)]);
    const other = randomBytes(LARGE.length - 1000);
    const pieces: number[] = [];
    for (const wrapped of [other, Buffer.from("small"), LARGE, Buffer.from("small")]) {
      await replaceCopy(store, { id: "a", wrapped, serviceKey: "new" });
      assert(wrapped.equals((await readCopy(store, "a"))?.wrapped ?? assert.fail()));
      pieces.push(await countPieces(store, "outbox_pieces"));
    }
    const [some = 0, none, same, last] = pieces;
    assert(some > 1);
    assert.deepEqual([none, same, last], [0, some, 0]);
  });

  test(`${engine}: a reader meets one copy whole while others take its place`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    const copies = [LARGE, randomBytes(LARGE.length), randomBytes(LARGE.length - 300_000)];
    await insertOutbox(store, [copy("a", LARGE)]);
    const writer = { isOver: false };
    const writing = (async (): Promise<void> => {
      for (const wrapped of [...copies, ...copies]) {
        await replaceCopy(store, { id: "a", wrapped, serviceKey: "new" });
      }
      writer.isOver = true;
    })();
    let reads = 0;
    while (!writer.isOver) {
      const read = await readCopy(store, "a");
      assert(read);
      assert(copies.some((one) => one.equals(read.wrapped)));
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
      async () => haveWaiting(store, { ...message(body), contentHash: randomBytes(32) }),
      stop,
    );
    assert.deepEqual(await Array.fromAsync(walkWaiting(store, idOf(OWNER))), []);
    assert.equal(await countPieces(store, "blob_pieces"), 0);
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
    const id = await haveWaiting(store, message(LARGE));
    await insertOutbox(store, [copy("a", LARGE)]);
    const missing = { name: "AppError", message: /pieces of a message are missing/ };
    for (const gone of [[0], [0, 1, 2, 3, 4, 5, 6, 7]]) {
      for (const table of ["blob_pieces", "outbox_pieces"] as const) {
        await store.db.deleteFrom(table).where("number", "in", gone).execute();
      }
      await assert.rejects(readMessage(spoolIn(store), idOf(OWNER), id), missing);
      await assert.rejects(readCopy(store, "a"), missing);
    }
  });

  test(`${engine}: an erased account leaves no piece`, async () => {
    await using store = await open();
    await haveAccounts(store, OWNER);
    await haveWaiting(store, message(LARGE));
    await insertOutbox(store, [copy("a", LARGE)]);
    await store.transaction(async (tx) => eraseAccount(tx, idOf(OWNER), NOW));
    assert.equal(await countPieces(store, "blob_pieces"), 0);
    assert.equal(await countPieces(store, "outbox_pieces"), 0);
  });
}
