import assert from "node:assert/strict";
import { test } from "node:test";

import { replyText } from "../../test/support/reply-text.ts";
import { AppError } from "../base/errors.ts";
import { errorReply, oneReply, reply } from "./smtp.ts";

test("the class of the code and of the enhanced code agree by type", () => {
  // @ts-expect-error a temporary refusal with a permanent status
  reply("450", "5.7.5", "no");
  // @ts-expect-error a permanent refusal with a temporary status
  reply("550", "4.7.5", "no");
  assert.equal(replyText(reply("450", "4.7.5", "later")), "450 4.7.5 later");
});

test("a text stays on one line and is cut", () => {
  assert.equal(reply("550", "5.0.0", "a\r\n250 2.0.0 fine\u{85}b").text, "a 250 2.0.0 fine b");
  const long = reply("550", "5.0.0", "ö".repeat(1000));
  assert(Buffer.byteLength(replyText(long)) <= 510);
});

test("what was thrown is told without host, path or reason", () => {
  const secret = "cannot open /var/lib/x on db1.internal";
  const temporary = errorReply(new AppError(secret, { temporary: true }));
  const permanent = errorReply(new AppError(secret, { temporary: false }));
  assert.equal(temporary.code, "451");
  assert.equal(temporary.enhanced, "4.3.0");
  assert.equal(permanent.code, "554");
  assert.equal(permanent.enhanced, "5.3.0");
  assert(!temporary.text.includes("db1") && !permanent.text.includes("db1"));
});

test("an error of ours that nobody foresaw is temporary, so that no mail is lost by it", () => {
  assert.equal(errorReply(new TypeError("x is undefined")).code, "451");
});

test("of several replies a temporary refusal counts first, then a permanent one", () => {
  const ok = reply("250", "2.0.0", "ok");
  const never = reply("550", "5.1.1", "no");
  const later = reply("452", "4.2.2", "full");
  assert.equal(oneReply([ok, never, later]), later);
  assert.equal(oneReply([ok, never]), never);
  assert.equal(oneReply([ok, ok]), ok);
  assert.equal(oneReply([]).code, "451");
});
