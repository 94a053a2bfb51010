import assert from "node:assert/strict";
import { test } from "node:test";

import { after, DAY, fromUnixMs } from "../base/time.ts";
import { parseAddress, parseDomain } from "../mail/address.ts";
import { keyEndingNotice } from "./key-ending.ts";

const NOW = fromUnixMs(1_800_000_000_000);

function noticeFor(way: "device" | "login", leftMs: number): string {
  const [owner, address] = ["ada@alpha.test", "a.quill@alpha.test"].map(parseAddress);
  const hostname = parseDomain("mail.alpha.test");
  assert(owner && address && hostname);
  const endsAt = after(NOW, leftMs);
  const ending = { owner, address, fingerprint: "ab".repeat(20), endsAt, way };
  const messageId = "<1@mail.alpha.test>";
  return Buffer.from(keyEndingNotice({ hostname, messageId, ending, now: NOW })).toString();
}

test("a warning is plain text from the postmaster that nothing answers", () => {
  const [header = "", body = ""] = noticeFor("device", 13.5 * DAY).split("\r\n\r\n", 2);
  for (const field of [
    "From: Mail service <postmaster@mail.alpha.test>",
    "To: <ada@alpha.test>",
    "Date: Fri, 15 Jan 2027 08:00:00 +0000",
    "Message-ID: <1@mail.alpha.test>",
    "Subject: Your encryption key ends on 2027-01-28",
    "Auto-Submitted: auto-generated",
    "Content-Type: text/plain; charset=utf-8",
  ]) {
    assert(header.split("\r\n").includes(field), field);
  }
  assert.equal(body, "Your encryption key ends in 14 days, unless you do something.");
});

test("it says which key ends and when, what happens then, and what its owner can do", () => {
  const [device, login] = [noticeFor("device", 3 * DAY), noticeFor("login", DAY)];
  for (const text of [device, login]) {
    assert.match(text, /^ {2}address {6}a\.quill@alpha\.test\r$/m);
    assert.match(text, /^ {2}fingerprint {2}(?:AB){20}\r$/m);
    assert.match(text, /nobody can encrypt mail to this address/);
    assert.match(text, /require encryption .*refused/s);
    assert(text.split("\r\n").every((line) => line.length <= 82));
    assert.doesNotMatch(text, /[^\r]\n|https?:/);
  }
  assert.match(device, /in 3 days.*2027-01-18 08:00 UTC.*own device.*key import ADDRESS FILE --p/s);
  assert.doesNotMatch(device, /log in/);
  assert.match(login, /in one day.*log in once/s);
  assert.doesNotMatch(login, /device/);
});
