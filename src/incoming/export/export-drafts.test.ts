/** Exports of drafts on both engines, with what is stored apart from their text. */
import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { start } from "../../../test/contract/mailbox-world.ts";
import { attached, saved, written } from "../../../test/support/drafts.ts";
import { embeddedMailbox } from "../../../test/support/embedded-mailbox.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { newPlaces } from "../../../test/support/imported-mail.ts";
import { bobsKey, mailFilesWorld } from "../../../test/support/mail-files-world.ts";
import { after as later, DAY } from "../../base/time.ts";
import { dispositionOf } from "../../mail/content-type.ts";
import { scanMime } from "../../mail/mime.ts";
import type { ExportFormat } from "../../mailbox/files/export-folder.ts";
import { exportMailFor, exportMessageFor } from "./export-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-export-");

testBoth("a draft is exported as one message with its attachments", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const exportTo = async (path: string, format: ExportFormat) =>
    exportMailFor(world.deps, world, {
      folder: undefined,
      format,
      path,
      progress: () => undefined,
    });
  const { openDrafts } = await embeddedMailbox(store, undefined, bobsKey);
  const drafts = openDrafts();
  const { id } = await saved(drafts, written("a draft"));
  const first = await attached(drafts, id, Buffer.from([0, 13, 10, 255]), "Angebot für 東京.pdf");
  const other = await attached(drafts, id, Buffer.from("From me\n"), "b.txt");
  for (const format of ["maildir", "mbox"] as const) {
    const path = place();
    const done = await exportTo(path, format);
    assert(done.kind === "exported");
    assert.deepEqual([done.written, [...done.asReceived]], [1, []]);
    const [file = ""] =
      format === "mbox" ? ["Drafts.mbox"] : await readdir(join(path, ".Drafts/cur"));
    const whole = await readFile(join(path, format === "mbox" ? "" : ".Drafts/cur", file), "utf8");
    assert.match(whole, /^Subject: a draft as subject$/m);
    assert.match(whole, /\na draft as text\n/);
    assert(whole.includes(Buffer.from([0, 13, 10, 255]).toString("base64")));
    assert.match(whole, /filename="b\.txt"/);
  }
  const one = await exportMessageFor(world.deps, world, id);
  assert(one.kind === "exported");
  const root = scanMime(one.form.message);
  const names = root.parts.slice(1).map(({ header }) => dispositionOf(header).filename);
  assert.deepEqual(names, ["Angebot für 東京.pdf", "b.txt"]);
  // An octet string that opens with the key, in another place than it was put.
  const row = store.db.selectFrom("blobs").select(["bytes", "size"]).where("id", "=", other.id);
  const { bytes, size } = await row.executeTakeFirstOrThrow();
  await store.db.updateTable("blobs").set({ bytes, size }).where("id", "=", first.id).execute();
  const damagedOne = await exportTo(place(), "maildir");
  assert(damagedOne.kind === "exported");
  assert.deepEqual([damagedOne.written, [...damagedOne.asReceived]], [1, [["DRAFT", 1]]]);
});

testBoth("files of bodies that are missing end no export", async (open) => {
  await using store = await open();
  const bodiesFolder = place();
  const places = { bodies: "folder", bodiesFolder } as const;
  const embedded = await embeddedMailbox(store, places, bobsKey);
  const made = await mailFilesWorld(store, NOW);
  const { blobs } = embedded;
  const world = { ...made, deps: { ...made.deps, blobs, mailboxOf: () => embedded.open() } };
  const drafts = embedded.openDrafts();
  const names = ["whole", "without a file", "without its text"] as const;
  const saves = [];
  for (const name of names) {
    const { id } = await saved(drafts, written(name));
    const attachment = await attached(drafts, id, Buffer.from(name));
    saves.push({ id, attachment });
  }
  const [, second, third] = saves;
  const body = await store.db
    .selectFrom("mailbox_messages")
    .select("blob")
    .where("id", "=", third?.id ?? "")
    .executeTakeFirstOrThrow();
  const files = await readdir(bodiesFolder, { recursive: true });
  for (const blob of [second?.attachment.id ?? "", body.blob]) {
    const file = files.find((one) => one.endsWith(blob));
    assert(file !== undefined);
    await rm(join(bodiesFolder, file));
  }
  const wish = { folder: undefined, format: "maildir", progress: () => undefined } as const;
  const done = await exportMailFor(world.deps, world, { ...wish, path: place() });
  assert(done.kind === "exported");
  assert.deepEqual([done.written, [...done.asReceived]], [2, [["DRAFT", 1]]]);
  assert.deepEqual(done.closed, [{ id: third?.id, state: "MISSING" }]);
});

testBoth("a draft with large attachments is exported as its text alone", async (open) => {
  await using store = await open();
  const { openDrafts } = await embeddedMailbox(store, undefined, bobsKey);
  const world = await mailFilesWorld(store, NOW);
  const { id } = await saved(openDrafts(), written("large"));
  for (const octets of [40, 25]) {
    await attached(openDrafts(), id, Buffer.alloc(octets * 1024 * 1024));
  }
  const one = await exportMessageFor(world.deps, world, id);
  assert(one.kind === "exported");
  assert.equal(one.form.kind, "as-received");
  assert(one.form.message.length < 10_000);
});
