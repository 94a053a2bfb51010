/** What the doctor says of bodies that are not where the database says. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { mailboxRow } from "../../test/support/store-calls/mailbox.ts";
import { systemClock } from "../base/time.ts";
import { openBlobs } from "../blobs/blobs.ts";
import { fileOf } from "../blobs/body-files.ts";
import type { BlobPlace } from "../store/mail/blobs.ts";
import { insertMailboxMessage } from "../store/mailbox/messages.ts";
import { bodiesCheck } from "./bodies-check.ts";

const bob = addressOf("bob@beta.test");

testOnBoth()("missing bodies and a folder that is not mounted are failures", async (open) => {
  await using store = await open();
  await haveAccounts(store, bob);
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bodies-"));
  try {
    const bodiesFolder = join(dir, "bodies");
    const database = { kind: "open", store, isMigrated: true } as const;
    const blobsIn = (bodies: BlobPlace) =>
      openBlobs({ store, clock: systemClock }, { bodies, bodiesFolder });
    const look = async (bodies: BlobPlace = "folder") => {
      const judged = await bodiesCheck.run({ database, blobs: blobsIn(bodies) });
      return judged.map(({ result }) => result);
    };
    assert.deepEqual(await look("database"), ["ok"]);
    assert.equal((await look()).at(-1), "ok");
    const files: string[] = [];
    for (const id of ["1", "2"]) {
      const blob = await blobsIn("folder").put(new Uint8Array(10));
      await insertMailboxMessage(store, idOf(bob), { ...mailboxRow(id), blob });
      files.push(fileOf(bodiesFolder, blob.id));
    }
    assert.equal((await look()).at(-1), "ok");
    await rm(files[0] ?? "");
    assert.equal((await look()).at(-1), "fail");
    assert.equal((await look("database")).at(-1), "fail");
    await rename(bodiesFolder, `${bodiesFolder}.elsewhere`);
    assert.deepEqual(await look(), ["fail", "fail"]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
