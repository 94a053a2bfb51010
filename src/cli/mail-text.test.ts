import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../base/bytes.ts";
import { fromUnixMs } from "../base/time.ts";
import type { ShownMail } from "../incoming/reading.ts";
import { textOf } from "./mail-text.ts";

const SHOWN: ShownMail = {
  id: "1",
  from: "ada@alpha.test",
  subject: "Grüße",
  state: "CONFIDENTIAL",
  warnings: ["OLD_SIGNATURE"],
  sentence: "Secure: sent from ada@alpha.test.",
  unsigned: [],
  signature: "verified",
  signedAt: fromUnixMs(0),
  signer: "ada@alpha.test",
  fingerprint: "0".repeat(40),
  scan: "not-possible",
  receivedAt: fromUnixMs(0),
  sizeBytes: 7,
  message: utf8("From: ada@alpha.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"),
  raw: utf8("x"),
  isClosed: false,
  parts: [
    { contentType: "text/html", filename: undefined, sizeBytes: 3, sha256: "aa", text: "<p>" },
    {
      contentType: "text/plain; charset=utf-8",
      filename: undefined,
      sizeBytes: 9,
      sha256: "bb",
      text: "state        VERIFIED\r\n\u001b[2Jhello\n",
    },
    { contentType: "image/png", filename: "a\nb.png", sizeBytes: 5, sha256: "cc" },
  ],
};

test("a message is shown decoded, as plain text where there is some, with its other parts named", () => {
  const lines = textOf(SHOWN);
  assert.equal(lines[0], "state        CONFIDENTIAL OLD_SIGNATURE");
  assert(lines.includes("  Subject:  Grüße"));
  assert(lines.some((line) => /^ {2}- +text\/html +3 bytes +aa$/.test(line)));
  assert(lines.some((line) => line.includes("a\u{FFFD}b.png")));
});

test("nothing in a message looks like what Sealpost says, and nothing drives the terminal", () => {
  const lines = textOf(SHOWN);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("state")),
    ["state        CONFIDENTIAL OLD_SIGNATURE"],
  );
  assert(lines.includes("  state        VERIFIED"));
  assert(lines.includes("  \u{FFFD}[2Jhello"));
  assert.doesNotMatch(lines.join(""), /\p{Cc}/u);
});

test("a message that shows nothing says why, and what to do, in every state", () => {
  const empty = new Uint8Array();
  const said = (state: string, isClosed: boolean): string =>
    textOf({ ...SHOWN, state, isClosed, message: empty, raw: empty, parts: [] }).at(-1) ?? "";
  for (const state of ["UNPROTECTED", "VERIFIED", "CONFIDENTIAL", "LOCKED", "DAMAGED"]) {
    assert.match(
      said(state, true),
      /mailbox is closed: give the password with --password-stdin/,
      state,
    );
  }
  for (const isClosed of [true, false]) {
    assert.match(said("LOCKED_OLD", isClosed), /account recover --former/);
    assert.match(said("CLIENT_ONLY", isClosed), /on the user's device alone/);
  }
  for (const state of ["LOCKED", "DAMAGED", "UNDECRYPTABLE"]) {
    assert.match(said(state, false), /sealpost mail retry ADDRESS /, state);
  }
});
