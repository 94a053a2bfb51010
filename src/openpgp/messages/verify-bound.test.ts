import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW, ownKey } from "../../../test/support/openpgp-messages.ts";
import { signDetached } from "../../../test/support/signatures.ts";
import { after, MINUTE } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { readDetachedSignatures } from "./signature-facts.ts";
import { type BoundCheck, verifyBound } from "./verify-bound.ts";

const DATA = Buffer.from("Content-Type: text/plain\r\n\r\nA text.\r\n");
const alice = await ownKey("alice@alpha.test", "compat");

async function check(o: {
  readonly address: string;
  readonly data?: Uint8Array;
  readonly subaddress?: boolean;
}): Promise<BoundCheck> {
  const signature = await signDetached({ data: DATA, signer: alice, intended: [], now: NOW });
  const [facts] = readDetachedSignatures(signature) ?? [];
  const address = parseAddress(o.address);
  assert(facts !== undefined && address !== undefined);
  const { data = DATA, subaddress = false } = o;
  const { certificate } = alice;
  const now = after(NOW, MINUTE);
  return verifyBound({ data, signature: facts, certificate, address, now, subaddress });
}

test("a signature that holds is bound to the address of its certificate, and to no other", async () => {
  assert.deepEqual(await check({ address: "alice@alpha.test" }), { kind: "bound" });
  const wrong: BoundCheck = { kind: "invalid", reason: "wrong-user-id" };
  assert.deepEqual(await check({ address: "bob@alpha.test" }), wrong);
  assert.deepEqual(await check({ address: "alice+x@alpha.test" }), wrong);
  const tagged = await check({ address: "alice+x@alpha.test", subaddress: true });
  assert.deepEqual(tagged, { kind: "bound" });
});

test("a signature over other octets is bound to nobody", async () => {
  const data = Buffer.concat([DATA, Buffer.from("More.\r\n")]);
  assert.deepEqual(await check({ address: "alice@alpha.test", data }), {
    kind: "invalid",
    reason: "it does not verify",
  });
});
