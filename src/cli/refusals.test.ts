import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../test/support/address.ts";
import { alice } from "../../test/support/key-life.ts";
import { AppError } from "../base/errors.ts";
import { fromUnixMs } from "../base/time.ts";
import type { Refusal } from "./refusal.ts";
import { refused } from "./refusals.ts";

const bob = addressOf("bob@alpha.test");
const alarm = {
  seq: 1,
  at: fromUnixMs(0),
  kind: "stopped",
  within: "day",
  released: 8,
  limit: 8,
} as const;

/** Refusals with the words that people look for. */
const SAID: readonly (readonly [Refusal, RegExp])[] = [
  [{ kind: "no-account" }, /^alice@alpha\.test has no account here$/],
  [{ kind: "account-closed" }, /is closed; open it again first/],
  [{ kind: "releases-stopped", alarm }, /is stopped.*key revocations --go-on/],
  [
    { kind: "address-taken", as: "primary" },
    /this address is taken: there is an account with this address/,
  ],
  [{ kind: "address-taken", as: "alias" }, /this address is taken: it is an alias of an account/],
  [{ kind: "address-shadowed", base: bob }, /goes to bob@alpha\.test, which is somebody else's/],
  [{ kind: "address-shadows", other: bob }, /bob@alpha\.test is somebody else's address/],
  [{ kind: "address-reserved" }, /erased or released less than 30 days ago/],
  [{ kind: "address-not-own" }, /this address is none of the account's/],
  [{ kind: "no-alias" }, /the account has no such alias/],
  [{ kind: "no-active-key" }, /alice@alpha\.test has no active key/],
  [{ kind: "keys-here-already" }, /has keys here already/],
  [{ kind: "key-known" }, /this key is or was the account's already/],
  [{ kind: "key-kept-here" }, /this key is kept here already/],
  [{ kind: "own-address-first" }, /the account's own address/],
  [{ kind: "revocation-of-other-key" }, /this revocation is not of this key/],
  [{ kind: "key-on-device" }, /on its owner's device.*account custody alice@alpha\.test user/],
  [{ kind: "opens-no-key" }, /^this password opens no key of the account; .*account reset$/],
  [{ kind: "mailbox-closed" }, /^the mailbox is closed: .*; .*--password-stdin$/],
  [{ kind: "opens-no-parked-key", by: "escrow" }, /^this is not the escrow of a parked key$/],
  [{ kind: "opens-no-parked-key", by: "password" }, /^no parked key opens with it$/],
  [{ kind: "unusable-certificate", reason: "revoked" }, /others would not use .*\(revoked\)$/],
];

test("a refusal is said in words that name what was refused and what to do, and is not tried again", () => {
  for (const [refusal, words] of SAID) {
    const error = refused(refusal, alice);
    assert.match(error.message, words);
    assert(error instanceof AppError && !error.temporary);
    assert.doesNotMatch(error.message, /[{}]|undefined/);
  }
});

test("what was typed cannot drive the terminal", () => {
  const error = refused({ kind: "no-message", id: "\u001B[2J7" }, alice);
  assert.match(error.message, /^there is no message \u{FFFD}\[2J7; see: sealpost mail list$/u);
});

test("a former service key that cannot be deleted yet is temporary, and one that is needed is not", () => {
  assert(refused({ kind: "rotated-just-now" }).temporary);
  const used = refused({ kind: "former-key-in-use", processes: ["far:1", "far:2"] });
  assert(used.temporary);
  assert.match(used.message, /still used by far:1, far:2; copy/);
  const needed = refused({ kind: "rows-unreadable", rows: 750 });
  assert(!needed.temporary);
  assert.match(needed.message, /^750 rows open with none/);
});
