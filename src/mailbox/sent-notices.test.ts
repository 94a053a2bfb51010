import assert from "node:assert/strict";
import { test } from "node:test";

import { whyInClear } from "./sent-notices.ts";
import type { SentTo } from "./summary.ts";

function to(got: SentTo["got"], code = "", fingerprint = ""): SentTo {
  return { address: "bob@beta.test", got, code, fingerprint, isBlind: false };
}

test("a message has a notice when somebody got it in clear because somebody could not be encrypted for", () => {
  const sealed = to("sealed", "OK", "ABCD");
  assert.deepEqual(whyInClear([to("clear", "NOSVC"), to("clear")]), ["NOSVC"]);
  assert.deepEqual(whyInClear([to("clear", "NOKEY"), sealed, to("clear", "NOKEY")]), ["NOKEY"]);
  assert.deepEqual(whyInClear([to("clear", "NOSVC"), to("clear", "INSEC")]), ["INSEC", "NOSVC"]);
  // Who has a certificate and got clear text because of another is no reason.
  for (const code of ["OK", "OK-CACHE", "LOCAL"]) {
    assert.deepEqual(whyInClear([to("clear", "NOKEY"), to("clear", code)]), ["NOKEY"]);
  }
  // The next hop refused whom it left in clear because of.
  assert.deepEqual(whyInClear([to("refused", "NOSVC"), to("clear")]), ["NOSVC"]);
});

test("a message has no notice when nothing left in clear, or when its sender wanted no encryption", () => {
  const none: readonly (readonly SentTo[] | undefined)[] = [
    undefined,
    [],
    [to("sealed", "OK", "ABCD"), to("sealed", "LOCAL", "EF01")],
    [to("clear"), to("clear")],
    [to("sealed", "OK", "ABCD"), to("clear")],
    [to("clear", "OK-CACHE"), to("clear")],
    [to("already-protected")],
    [to("waiting", "UNSURE-DNS"), to("waiting")],
    [to("refused", "NOKEY"), to("refused")],
  ];
  for (const sent of none) assert.deepEqual(whyInClear(sent), []);
});
