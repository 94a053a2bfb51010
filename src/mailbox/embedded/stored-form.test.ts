import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW, ownKey } from "../../../test/support/openpgp-messages.ts";
import { encryptAtRest } from "../../openpgp/messages/encrypt.ts";
import { seal } from "../../pgpmime/seal.ts";
import { receivedForm, sealedBody } from "./stored-form.ts";

const alice = await ownKey("alice@alpha.test", "compat");
const keys = { all: [alice] };
const clear = Buffer.from("From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\nText.\r\n");
const recipients = [alice.certificate];
const sealed = await seal({ message: clear, signer: alice, recipients, intended: [], now: NOW });
const body = Buffer.concat(
  await sealedBody(sealed, async (data) =>
    encryptAtRest({ data, recipients, now: NOW, isOwn: true }),
  ),
);

test("a sealed message is given back octet for octet", async () => {
  const received = await receivedForm({ body, keys: keys.all });
  assert(received.kind === "received");
  assert.deepEqual(Buffer.from(received.message), Buffer.from(sealed));
});

test("a row that somebody cut off is damaged mail, not a fault that keeps other mail waiting", async () => {
  for (const length of [0, 3, 4, 5, 100]) {
    const row = { body: body.subarray(0, length), keys: keys.all };
    assert.equal((await receivedForm(row)).kind, "damaged", String(length));
  }
});
