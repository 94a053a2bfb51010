import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { sentenceOf } from "./sentence.ts";
import { unprotected } from "./verdicts.ts";

function said(more: Partial<MessageVerdict>, claimed = ""): string {
  const verdict = { ...unprotected(fromUnixMs(0)), ...more };
  return sentenceOf(verdict, { from: "m@evil.test", claimed });
}

const SIGNER = { signature: "verified", signer: "ada@post.example" } as const;

test("good states name the signer and the domain, and what is not signed", () => {
  assert.match(
    said({ ...SIGNER, state: "CONFIDENTIAL" }),
    /sent from ada@post\.example, confirmed by post\.example\.$/,
  );
  assert.equal(
    said({ ...SIGNER, state: "CONFIDENTIAL_BODY", unsigned: ["From", "Date"] }),
    "Encrypted, and the text was signed by ada@post.example, confirmed by post.example. Not signed: From, Date.",
  );
  assert.match(
    said({
      ...SIGNER,
      state: "VERIFIED_BODY",
      unsigned: ["To"],
      evidence: { addressee: "unsaid" },
    }),
    /Not signed: To\. It may have been written to somebody else\.$/,
  );
  assert.match(said({ ...SIGNER, state: "VERIFIED" }), /not encrypted\.$/);
});

test("a good state whose signer is closed names nobody, and says that it shows with the password", () => {
  for (const state of ["CONFIDENTIAL", "CONFIDENTIAL_BODY", "VERIFIED", "VERIFIED_BODY"] as const) {
    const sentence = said({ state, signature: "unknown" });
    assert.equal(
      sentence,
      "Who sent it, and who confirms that, shows with the password of the account.",
    );
  }
});

test("a state without a confirmed sender says so, and never names a signer", () => {
  const state = "ENCRYPTED_UNVERIFIED";
  assert.equal(
    said({ state, signature: "later" }),
    "Encrypted; the sender has not been checked yet.",
  );
  assert.match(
    said({ state, signature: "unknown", evidence: { reason: "INSEC" } }),
    /publishes no key/,
  );
  for (const signature of ["none", "invalid", "unknown"] as const) {
    assert.equal(said({ state, signature }), "Encrypted, but the sender is not confirmed.");
  }
  assert.equal(said({}), "");
});

test("two authors are both named, and a warning says what it means", () => {
  assert.match(
    said({ state: "ENCRYPTED_UNVERIFIED", warnings: ["FROM_MISMATCH"] }, "Boss <boss@bank.test>"),
    /Claims to be from Boss <boss@bank\.test>, was sent by m@evil\.test\. Do not trust it\.$/,
  );
  assert.match(said({ warnings: ["NOT_ADDRESSED"] }), /^It was written to somebody else/);
  assert.match(said({ warnings: ["OLD_SIGNATURE"] }), /^It was signed long before it arrived/);
});

test("a form that is not supported is named, and what is encrypted and not shown is said", () => {
  const state = "UNDECRYPTABLE";
  assert.equal(said({ state }), "Encrypted with a key that is not in your account.");
  assert.equal(
    said({ state, evidence: { form: "Triple DES" } }),
    "Encrypted in a form that is not supported: Triple DES.",
  );
  assert.match(said({ warnings: ["ENCRYPTED_PART"] }), /can be opened apart\.$/);
  assert.match(said({ warnings: ["ENCRYPTED_UNREADABLE"] }), /not opened here\.$/);
  assert.match(said({ warnings: ["OPENED_APART"] }), /do not quote it in an answer\.$/);
});

test("a signer's domain is shown as people can tell it from others", () => {
  const signer = "a@xn--80ak6aa92e.com";
  assert.match(said({ ...SIGNER, signer, state: "VERIFIED" }), /confirmed by xn--80ak6aa92e\.com/);
});
