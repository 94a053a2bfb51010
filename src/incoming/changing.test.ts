/** Changes of mail that waits, with its reader's keys there. */
import assert from "node:assert/strict";

import { start } from "../../test/contract/mailbox-world.ts";
import { SILENT } from "../../test/support/authors.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { mailFilesWorld } from "../../test/support/mail-files-world.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { after, DAY } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import { moveMailFor, removeMailFor, restoreMailFor } from "./changing.ts";
import { locked } from "./verdicts.ts";

const testBoth = testOnBoth();
const NOW = after(start, DAY);
const MESSAGE = "From: a@alpha.test\r\nSubject: s\r\n\r\nx\r\n";

testBoth(
  "mail that still waits with the keys there is refused with all that was named beside it",
  async (open) => {
    await using store = await open();
    const { deps, account, keys, add, mailbox } = await mailFilesWorld(store, NOW);
    const kept = await add({ message: MESSAGE });
    const waits = await haveWaiting(store, {
      account: account.id,
      body: Buffer.from("x"),
      form: "sealed",
      receivedAt: start,
      sizeBytes: 1,
      outerFrom: "x@y.test",
      // It was judged, and its author could not be asked.
      verdict: { ...locked(start), state: "ENCRYPTED_UNVERIFIED", signature: "later" },
    });
    const ids = [kept, waits];
    const reader = { account, keys };
    const asking = { ...deps, askAuthor: async () => Promise.resolve(SILENT) };
    const expected = { kind: "message-waits", id: waits, isOpen: true };
    assert.deepEqual(await removeMailFor(asking, reader, ids), expected);
    assert.deepEqual(await moveMailFor(asking, reader, ids, "trash"), expected);
    assert.equal((await mailbox.entry(kept))?.folder, "inbox");
  },
);

testBoth(
  "what an owner does with the password is in no log, and what others do is, with its number",
  async (open) => {
    await using store = await open();
    const { deps, account, keys, add, mailbox } = await mailFilesWorld(store, NOW);
    const ids = [await add({ message: MESSAGE }), await add({ message: MESSAGE })];
    const actions = async (): Promise<readonly unknown[]> =>
      (await Array.fromAsync(listAudit(store, account.id))).map(({ action, detail }) => [
        action,
        detail["messages"],
      ]);
    for (const own of [keys, undefined]) {
      const reader = { account, keys: own };
      assert.deepEqual(await moveMailFor(deps, reader, ids, "Archive"), { kind: "done", ids });
      assert.deepEqual(await removeMailFor(deps, reader, ids), { kind: "done", ids });
      assert.equal(await mailbox.entry(ids[0] as MessageId), undefined);
      assert.deepEqual(await restoreMailFor(deps, reader, ids), { kind: "done", ids });
      await moveMailFor(deps, { account, keys }, ids, "inbox");
    }
    assert.deepEqual(await actions(), [
      ["mail.moved", 2],
      ["mail.removed", 2],
      ["mail.restored", 2],
    ]);
  },
);
