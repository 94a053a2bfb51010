/** The form mboxrd, written and read again, and what other programs write. */
import assert from "node:assert/strict";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";

import { fromUnixSeconds } from "../../base/time.ts";
import { dateOfFromLine, fromLine, quoted } from "./mbox-lines.ts";
import { readMbox, type MboxPiece } from "./mbox-reader.ts";

const MAX = 4 * 1024 * 1024;
const START = fromUnixSeconds(1_800_000_000);
const FROM = fromLine("a@alpha.test", START);
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealpost-mbox-"));
});
after(async () => rm(folder, { recursive: true }));

async function pieces(content: string | Buffer, max = MAX): Promise<readonly MboxPiece[]> {
  const path = join(folder, "file.mbox");
  await writeFile(path, typeof content === "string" ? Buffer.from(content, "latin1") : content);
  await using file = await open(path, "r");
  return await Array.fromAsync(readMbox(file, max));
}

async function messages(content: string | Buffer): Promise<readonly string[]> {
  return (await pieces(content)).map((piece) =>
    piece.kind === "message" ? Buffer.from(piece.message).toString("latin1") : piece.kind,
  );
}

test("what was written in mboxrd is read again, whatever lines it has", async () => {
  const line = fc.oneof(
    fc.constantFrom("", "From ", ">From x", ">>From x", FROM.trimEnd(), " From", "\u00ff\u0000"),
    fc.string({ maxLength: 30 }).map((text) => text.replaceAll(/[\r\n\u0100-\uffff]/g, "")),
  );
  const message = fc
    .array(line, { minLength: 1, maxLength: 20 })
    .map((all) => `${all.join("\r\n")}\r\n`);
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (all) => {
      const file = all.flatMap((one) => [Buffer.from(FROM), quoted(Buffer.from(one, "latin1"))]);
      const expected = all.map((one) => one.replaceAll(/\r(?!\n)/g, "\r\n"));
      assert.deepEqual(await messages(Buffer.concat(file)), expected);
    }),
    { numRuns: 200 },
  );
});

test("a From_ line names the sender of the envelope and the time in UTC", () => {
  assert.equal(fromLine("a@alpha.test", START), "From a@alpha.test Fri Jan 15 08:00:00 2027\n");
  assert.equal(
    fromLine('"a b"@x.test', fromUnixSeconds(0)),
    "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n",
  );
});

for (const [line, seconds] of [
  ["From a@b Fri Jan 15 08:00:00 2027", 0],
  ["From - Fri Jan 15 08:00:00 2027\r", 0],
  ["From a@b  Fri Jan 15 08:00 2027", 0],
  ["From a@b Fri Jan 15 08:00:00 EST 2027", 5 * 3600],
  ["From 123@xxx Fri Jan 15 10:00:00 +0200 2027", 0],
  ["From a b@c Fri Jan 15 08:00:00 2027 -0100", 3600],
  ["From a@b Fri Jan 15 08:00:00 2027 remote from host", 0],
] as const) {
  test(`a message begins at: ${line.trim()}`, () => {
    assert.equal(dateOfFromLine(line)?.getTime(), START.getTime() + seconds * 1000);
  });
}

for (const line of ["From now on", "From a@b", "From Monday 08:00 to Friday 2027", "From: a@b"]) {
  test(`no message begins at: ${line}`, () => {
    assert.equal(dateOfFromLine(line), undefined);
  });
}

test("a body line that begins with From and names no date ends no message", async () => {
  assert.deepEqual(await messages(`${FROM}A: 1\n\nFrom now on\n\nFrom me\n\n${FROM}B: 2\n\n`), [
    "A: 1\r\n\r\nFrom now on\r\n\r\nFrom me\r\n",
    "B: 2\r\n",
  ]);
});

test("lengths are believed where a message begins there, and not otherwise", async () => {
  const body = `${FROM}>From x\n`;
  const given = `Content-Length: ${String(body.length)}\n`;
  const second = `${FROM}B: 2\n\nb\n`;
  assert.deepEqual(await messages(`${FROM}A: 1\n${given}\n${body}\n${second}`), [
    `A: 1\r\n${given.trim()}\r\n\r\n${body.replaceAll("\n", "\r\n")}`,
    "B: 2\r\n\r\nb\r\n",
  ]);
  assert.deepEqual(await messages(`${FROM}A: 1\nContent-Length: 3\n\nlonger\n\n${second}`), [
    "A: 1\r\nContent-Length: 3\r\n\r\nlonger\r\n",
    "B: 2\r\n\r\nb\r\n",
  ]);
});

test("lines of Thunderbird that say nothing but From, and line ends of Windows, are read", async () => {
  const all = ["From \r\nA: 1\r\n\r\na\r\nFrom \r\nb\r\n\r\n", "From \r\nB: 2\r\n\r\n"].join("");
  assert.deepEqual(await messages(all), ["A: 1\r\n\r\na\r\nFrom \r\nb\r\n", "B: 2\r\n"]);
});

test("what is corrupted costs no other message", async () => {
  const garbage = "\u0000garbage\n\n";
  assert.deepEqual(await messages(`${garbage}${FROM}A: 1\n\na\n\n${FROM}B`), [
    "no-message",
    "A: 1\r\n\r\na\r\n",
    "B",
  ]);
  assert.deepEqual(await messages(`${FROM}${FROM}A: 1\n`), ["", "A: 1\r\n"]);
  assert.deepEqual(await messages("no mail at all\n"), ["no-message"]);
  assert.deepEqual(await messages(""), []);
});

test("a message that is too large is passed over, wherever windows end", async () => {
  const large = "x".repeat(3 * 1024 * 1024);
  const read = await pieces(`${FROM}A: 1\n\n${large}\n\n${FROM}B: 2\n\n`, 1024 * 1024);
  assert.deepEqual(
    read.map(({ kind }) => kind),
    ["too-large", "message"],
  );
});

test("messages are found at each place of a window's end", async () => {
  for (let before = 0; before < 60; before += 1) {
    const filler = `A: 1\n\n${"y".repeat(1024 * 1024 - 40 - before)}\n\n`;
    const read = await messages(`${FROM}${filler}From \nB: 2\n\n${FROM}C: 3\n\n`);
    assert.deepEqual(read.slice(1), ["B: 2\r\n", "C: 3\r\n"], String(before));
  }
});

test("a file of lines that nearly separate messages is read in one pass", async () => {
  const nearly = "\nFrom x".repeat(1_000_000);
  const read = await pieces(`${FROM}A: 1\n${nearly}\n\n${FROM}B: 2\n\n`, 1024);
  assert.deepEqual(
    read.map(({ kind }) => kind),
    ["too-large", "message"],
  );
});
