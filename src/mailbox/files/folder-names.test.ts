/** Names of folders in files, there and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import {
  folderOfMaildir,
  folderOfMbox,
  maildirFolder,
  mboxFile,
  standardNamed,
} from "./folder-names.ts";
import { fromModifiedUtf7, toModifiedUtf7 } from "./modified-utf7.ts";

for (const [name, encoded] of [
  ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"],
  ["Entwürfe & mehr", "Entw&APw-rfe &- mehr"],
  ["😀", "&2D3eAA-"],
] as const) {
  test(`${name} is ${encoded} in modified UTF-7`, () => {
    assert.equal(toModifiedUtf7(name), encoded);
    assert.equal(fromModifiedUtf7(encoded), name);
  });
}

test("what is no modified UTF-7 is told", () => {
  for (const text of ["a & b", "&U,BTFw", "ü", "&2D0-"])
    assert.equal(fromModifiedUtf7(text), undefined);
});

for (const [name, folder] of [
  ["Inbox", ""],
  ["Work", ".Work"],
  ["Work/2026/Q1", ".Work.2026.Q1"],
  ["v1.2", ".v1&AC4-2"],
  ["Größe", ".Gr&APYA3w-e"],
  ["a//b", ".a&AC8ALw-b"],
] as const) {
  test(`the folder ${name} is ${folder || "the Maildir itself"}`, () => {
    assert.equal(maildirFolder(name), folder);
    if (folder !== "") assert.equal(folderOfMaildir(folder.slice(1)), name);
  });
}

const NAME = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .map((text) => text.normalize("NFC").replaceAll(/\p{C}/gu, "").trim().slice(0, 60).toWellFormed())
  .filter((text) => text !== "" && text.trim() === text && text.toLowerCase() !== "inbox");

test("any name that is not too long comes back", () => {
  fc.assert(
    fc.property(NAME, (name) => {
      const [maildir, mbox] = [maildirFolder(name), mboxFile(name)];
      assert(!maildir.includes("/") && !mbox.includes("/") && !mbox.startsWith("."));
      if (!maildir.includes("-", 220)) assert.equal(folderOfMaildir(maildir.slice(1)), name);
      assert.equal(folderOfMbox(mbox), name);
    }),
  );
});

test("names that are too long for a file system stay apart", () => {
  const names = ["语".repeat(99), `${"语".repeat(98)}汉`];
  for (const encode of [maildirFolder, mboxFile]) {
    const files = names.map((name) => encode(name));
    assert.equal(new Set(files).size, 2);
    assert(files.every((file) => Buffer.byteLength(file) <= 255));
  }
});

test("what other programs call the standard folders is known", () => {
  assert.deepEqual(
    ["INBOX", "Sent Items", "Spam", "Deleted Messages", "Holidays"].map(standardNamed),
    ["inbox", "sent", "junk", "trash", undefined],
  );
});
