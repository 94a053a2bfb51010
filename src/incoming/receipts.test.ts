/** The receipt of a sent message on its ways out of the mailbox, and on the way back in; on both engines. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { start } from "../../test/contract/mailbox-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { clear, importFrom, newPlaces } from "../../test/support/imported-mail.ts";
import {
  bobsKey,
  mailFilesWorld,
  type MailFilesWorld,
} from "../../test/support/mail-files-world.ts";
import { ownKey } from "../../test/support/openpgp-messages.ts";
import { after as later, DAY } from "../base/time.ts";
import { standardFolder, type MessageId } from "../mailbox/mailbox.ts";
import type { SentTo } from "../mailbox/summary.ts";
import { seal } from "../pgpmime/seal.ts";
import { exportMailFor, exportMessageFor } from "./export/export-mail.ts";
import { showMail } from "./reading.ts";
import { sent } from "./verdicts.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-receipts-");
const SENT: readonly SentTo[] = [
  { address: "carol@legacy.test", got: "clear", fingerprint: "", isBlind: false, code: "NOSVC" },
  { address: "ben@beta.test", got: "clear", fingerprint: "", isBlind: true, code: "" },
];
const FIELD =
  /^E2E-Receipt: v=1, rcpt=carol@legacy\.test; got=clear; code=NOSVC,\r?\n rcpt=ben@beta\.test; got=clear; blind=yes\r?$/m;
const RECEIPT = /receipt|ben@beta/i;

async function addSent(
  world: MailFilesWorld,
  message = clear("sent", "x\r\n"),
): Promise<MessageId> {
  const verdict = sent(start, { how: "clear" });
  const folder = standardFolder("sent");
  return world.add({ message, folder, verdict, sent: SENT, once: message });
}

async function shownRaw({ deps, account, keys }: MailFilesWorld, id: string): Promise<string> {
  const shown = await showMail(deps, { account: account.id, id, keys });
  assert(shown);
  const hasReceipt = shown.sent.length > 0 && shown.absence === undefined;
  assert.equal(FIELD.test(Buffer.from(shown.message).toString()), hasReceipt);
  return Buffer.from(shown.raw).toString();
}

async function exported(world: MailFilesWorld, id: string): Promise<string> {
  const one = await exportMessageFor(world.deps, world, id);
  assert(one.kind === "exported");
  return Buffer.from(one.form.message).toString();
}

testBoth(
  "a sent message is shown and exported with its receipt, and stored without",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const id = await addSent(world);
    const other = await world.add({ message: clear("came", "x\r\n") });
    assert.match(await shownRaw(world, id), FIELD);
    assert.match(await exported(world, id), FIELD);
    for (const text of [await shownRaw(world, other), await exported(world, other)]) {
      assert.doesNotMatch(text, RECEIPT);
    }
    const read = await world.mailbox.read(id);
    assert(read.kind === "read");
    assert.equal(Buffer.from(read.message).toString(), clear("sent", "x\r\n"));
  },
);

testBoth(
  "what the sender's program encrypted has its receipt outside, opened or not",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const carol = await ownKey("carol@legacy.test", "compat");
    for (const recipient of [bobsKey, carol]) {
      const message = Buffer.from(clear("sealed", "x\r\n"));
      const recipients = [recipient.certificate];
      const sealed = await seal({ message, signer: carol, recipients, intended: [], now: start });
      const id = await addSent(world, Buffer.from(sealed).toString("latin1"));
      assert.match(await exported(world, id), FIELD);
      // The signed part stays as it was signed.
      assert.doesNotMatch(await shownRaw(world, id), RECEIPT);
      await world.mailbox.remove([id]);
    }
  },
);

testBoth("the receipt says what is known now of a message that waited", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const id = await addSent(world);
  const [carol, ben] = SENT;
  assert(carol && ben);
  const now = [carol, { ...ben, got: "sealed", code: "OK", fingerprint: "ABCD" }] as const;
  const news = { at: NOW, messageId: "", how: "split", sent: now } as const;
  assert(
    await world.mailbox.noteNews(clear("sent", "x\r\n"), await world.mailbox.prepareNews(news)),
  );
  for (const text of [await exported(world, id), await exported(world, id)]) {
    assert.match(text, /rcpt=ben@beta\.test; got=sealed; code=OK;\s+fpr=ABCD; blind=yes/);
    await world.mailbox.catchUp();
  }
});

for (const format of ["maildir", "mbox"] as const) {
  testBoth(
    `a receipt is exported as ${format}, and an import removes it and believes nothing of it`,
    async (open) => {
      await using one = await open();
      await using other = await open();
      const [from, to] = [await mailFilesWorld(one, NOW), await mailFilesWorld(other, NOW)];
      await addSent(from);
      const path = place();
      const wish = { folder: undefined, format, path, progress: () => undefined };
      assert.equal((await exportMailFor(from.deps, from, wish)).kind, "exported");
      const names = await readdir(path, { recursive: true, withFileTypes: true });
      const files = names.filter((name) => name.isFile());
      const texts = await Promise.all(
        files.map(async (file) => readFile(join(file.parentPath, file.name), "utf8")),
      );
      assert.match(texts.join("\n"), FIELD);
      assert.equal((await importFrom(to, path)).imported, 1);
      const [entry] = (await to.mailbox.list(standardFolder("sent"), { limit: 1 })).entries;
      assert(entry?.summary);
      assert.deepEqual([entry.state, entry.summary.sent], ["UNPROTECTED", undefined]);
      const found = await to.mailbox.search({ hasNotice: true }, { limit: 1 });
      assert(found.kind === "found" && found.entries.length === 0);
      const read = await to.mailbox.read(entry.id);
      assert(read.kind === "read");
      assert.doesNotMatch(Buffer.from(read.message).toString(), RECEIPT);
      // What becomes known later makes no other message of it.
      assert.equal((await importFrom(to, path)).known, 1);
    },
  );
}
