import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../base/bytes.ts";
import { fromUnixMs } from "../base/time.ts";
import type { ShownMail } from "../incoming/reading.ts";
import type { Account } from "../words/account.ts";
import { textOf } from "./mail-text.ts";

const SHOWN: ShownMail = {
  id: "1",
  from: "ada@alpha.test",
  claimed: "",
  to: "bob@beta.test",
  subject: "Grüße",
  date: undefined,
  snippet: "",
  attachments: [],
  folder: undefined,
  flags: [],
  keywords: [],
  state: "CONFIDENTIAL",
  warnings: ["OLD_SIGNATURE"],
  sentence: "Secure: sent from ada@alpha.test.",
  unsigned: [],
  signature: "verified",
  signedAt: fromUnixMs(0),
  signer: "ada@alpha.test",
  fingerprint: "0".repeat(40),
  scan: "not-possible",
  sent: [],
  receivedAt: fromUnixMs(0),
  sizeBytes: 7,
  message: utf8("From: ada@alpha.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"),
  raw: utf8("x"),
  absence: undefined,
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
  const lines = textOf(SHOWN, { custody: "unlocks-at-login" });
  assert.equal(lines[0], "state        CONFIDENTIAL OLD_SIGNATURE");
  assert(lines.includes("  Subject:  Grüße"));
  assert(lines.some((line) => /^ {2}- +text\/html +3 bytes +aa$/.test(line)));
  assert(lines.some((line) => line.includes("a\u{FFFD}b.png")));
});

test("nothing in a message looks like what Sealpost says, and nothing drives the terminal", () => {
  const lines = textOf(SHOWN, { custody: "unlocks-at-login" });
  assert.deepEqual(
    lines.filter((line) => line.startsWith("state")),
    ["state        CONFIDENTIAL OLD_SIGNATURE"],
  );
  assert(lines.includes("  state        VERIFIED"));
  assert(lines.includes("  \u{FFFD}[2Jhello"));
  assert.doesNotMatch(lines.join(""), /\p{Cc}/u);
});

function lastLine(
  state: string,
  absence: ShownMail["absence"],
  custody: Account["custody"] = "unlocks-at-login",
): string {
  const none = new Uint8Array();
  const shown = { ...SHOWN, state, message: none, raw: none, parts: [], absence };
  return textOf(shown, { custody }).at(-1) ?? "";
}

const FROM_OPENING = [
  "CONFIDENTIAL",
  "CONFIDENTIAL_BODY",
  "ENCRYPTED_UNVERIFIED",
  "VERIFIED",
  "VERIFIED_BODY",
  "UNPROTECTED",
];

test("a message of any state that the closed mailbox hides says that the password opens it", () => {
  for (const state of ["LOCKED", ...FROM_OPENING]) {
    assert.match(
      lastLine(state, "mailbox-closed"),
      /^\(nothing to show; the mailbox is closed, .*--password-stdin\)$/,
      state,
    );
    const ofProvider = lastLine(state, "mailbox-closed", "provider-usable");
    assert.match(
      ofProvider,
      /is closed, because no key of the account opens here: see sealpost key/,
    );
    const ofDevice = lastLine(state, "mailbox-closed", "user-device-only");
    assert.match(ofDevice, /is closed, because only the key on the user's own device/);
    assert.doesNotMatch(`${ofProvider}${ofDevice}`, /password/);
  }
});

test("a signature that the closed mailbox hides is not said to be unknown", () => {
  const closed = {
    ...SHOWN,
    signature: "unknown",
    signer: undefined,
    signedAt: undefined,
  } as const;
  const said = textOf({ ...closed, absence: "mailbox-closed" }, { custody: "unlocks-at-login" });
  assert(said.includes("signature    shows once the mailbox is open"), said.join("\n"));
  const open = textOf({ ...closed, absence: "empty" }, { custody: "unlocks-at-login" });
  assert(open.includes("signature    unknown"));
});

test("a message that no password of today opens says what does, whether the mailbox is open or closed", () => {
  const hints: readonly (readonly [string, RegExp])[] = [
    ["LOCKED_OLD", /former password or recovery code: sealpost account recover ADDRESS --former/],
    ["DAMAGED", /not shown; to try again: sealpost mail retry ADDRESS ID/],
    ["UNDECRYPTABLE", /no key of the account opens it, or its form is not supported/],
    ["CLIENT_ONLY", /the user's own device/],
    ["QUARANTINED", /was removed/],
  ];
  for (const [state, expected] of hints) {
    for (const absence of ["mailbox-closed", "withheld", "unreadable"] as const) {
      assert.match(lastLine(state, absence), expected, absence);
      assert.doesNotMatch(lastLine(state, absence), /--password-stdin/);
    }
  }
});

test("a message that an open mailbox does not show names the reason that is left", () => {
  assert.match(lastLine("LOCKED", "unreadable"), /opening it failed for now and is tried again/);
  for (const state of FROM_OPENING) {
    assert.match(lastLine(state, "unreadable"), /does not open with the account's keys/, state);
    assert.match(lastLine(state, "empty"), /^\(nothing to show; it is empty\)$/);
  }
});

test("a Sent copy says in sentences what each recipient got, blind ones too", () => {
  const fingerprint = "AB".repeat(20);
  const to = { fingerprint: "", isBlind: false, code: "" };
  const sent = [
    { ...to, address: "bob@beta.test", got: "sealed", fingerprint },
    { ...to, address: "carol@gamma.test", got: "clear", isBlind: true, code: "NOSVC" },
    { ...to, address: "dave@gamma.test", got: "already-protected" },
    { ...to, address: "eve\u001b@gamma.test", got: "refused" },
  ] as const;
  const lines = textOf({ ...SHOWN, state: "SENT", sent }, { custody: "unlocks-at-login" });
  const from = lines.findIndex((line) => line.startsWith("sent "));
  assert.deepEqual(lines.slice(from, from + 5), [
    `sent         It left encrypted for bob@beta.test, with the key ${fingerprint}.`,
    "             It left without encryption for carol@gamma.test. The state of the recipient was NOSVC. No other recipient sees this one.",
    "             It left for dave@gamma.test as your mail program had encrypted it.",
    "             It did not leave for eve\u{FFFD}@gamma.test, who gets nothing.",
    "received     1970-01-01T00:00:00.000Z, 7 bytes",
  ]);
  const received = textOf(SHOWN, { custody: "unlocks-at-login" });
  assert(!received.some((line) => line.startsWith("sent")));
});
