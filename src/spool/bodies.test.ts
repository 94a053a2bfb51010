/** The octets of waiting mail, where bodies are files. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { mailboxRow } from "../../test/support/store-calls/mailbox.ts";
import { fromUnixMs } from "../base/time.ts";
import { openBlobs } from "../blobs/blobs.ts";
import { locked } from "../incoming/verdicts.ts";
import { deleteMessages } from "../store/mailbox/message-changes.ts";
import { insertMailboxMessage } from "../store/mailbox/messages.ts";
import type { Store } from "../store/store.ts";
import {
  discardMessage,
  endWaiting,
  putMessage,
  readMessage,
  storeMessage,
  type NewMessage,
} from "./spool.ts";

const NOW = fromUnixMs(1_800_000_000_000);
const bob = addressOf("bob@beta.test");
const SEALED: NewMessage = {
  account: idOf(bob),
  body: Buffer.from("sealed"),
  form: "sealed",
  receivedAt: NOW,
  sizeBytes: 6,
  outerFrom: "",
  verdict: locked(NOW),
};

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-spool-"));
});
after(async () => {
  await rm(dir, { recursive: true });
});

async function withFolder(store: Store, name: string) {
  await haveAccounts(store, bob);
  const bodiesFolder = join(dir, name);
  const blobs = openBlobs({ store, clock: { now: () => NOW } }, { bodies: "folder", bodiesFolder });
  const files = async () => {
    const all = await readdir(bodiesFolder, { recursive: true, withFileTypes: true });
    return all.filter((one) => one.isFile()).length;
  };
  return { deps: { store, blobs }, files };
}

for (const { engine, open } of engines()) {
  test(`${engine}: the body of a message that waits is one file, which it takes along into the mailbox`, async () => {
    await using store = await open();
    const { deps, files } = await withFolder(store, `${engine} moved`);
    const put = await putMessage(deps, SEALED);
    assert.equal(await files(), 1);
    const { id, isNew } = await storeMessage(store, put);
    assert(isNew);
    const waiting = await readMessage(deps, idOf(bob), id);
    assert.equal(Buffer.from(waiting?.body ?? []).toString(), "sealed");
    const blob = { id: waiting?.blob ?? "" };
    const gone = await store.transaction(async (tx) => {
      await insertMailboxMessage(tx, idOf(bob), { ...mailboxRow(id), blob });
      return endWaiting(tx, idOf(bob), id);
    });
    assert.deepEqual(gone, []);
    assert.equal(Buffer.from((await deps.blobs.read(blob.id)) ?? []).toString(), "sealed");
    await deps.blobs.remove(await deleteMessages(store, idOf(bob), [id]));
    assert.equal(await files(), 0);
  });

  test(`${engine}: a repetition leaves no file, and a message that ends without a mailbox takes its file with it`, async () => {
    await using store = await open();
    const { deps, files } = await withFolder(store, `${engine} again`);
    const { id } = await storeMessage(store, await putMessage(deps, SEALED));
    const again = await putMessage(deps, SEALED);
    assert.equal(await files(), 2);
    assert.deepEqual(await storeMessage(store, again), { id, isNew: false });
    await discardMessage(deps, again);
    assert.equal(await files(), 1);
    await deps.blobs.remove(await store.transaction(async (tx) => endWaiting(tx, idOf(bob), id)));
    assert.equal(await files(), 0);
  });
}
