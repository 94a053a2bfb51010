import assert from "node:assert/strict";
import { test } from "node:test";
import { after, DAY, fromUnixMs } from "../base/time.ts";
import { formatAddress, parseAddress, type EmailAddress } from "../mail/address.ts";
import { generateKey } from "../openpgp/generate.ts";
import { readSecretKey } from "../openpgp/secret-key.ts";
import { seal } from "../pgpmime/seal.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { copiesOf } from "./copies.ts";
import type { Found } from "./plan.ts";
import { prepare } from "./prepare.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const clock = { now: () => NOW };

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

async function keyOf(owner: string) {
  const now = after(NOW, -30 * DAY);
  const made = await generateKey({ address: address(owner), profile: "compat", now });
  return readSecretKey(made.secretKey);
}

test("63 named recipients and a blind one are sealed for; for more the sender is told why not", async () => {
  const signer = await keyOf("alice@alpha.test");
  const found = await Promise.all(
    Array.from({ length: 65 }, async (_, index): Promise<Found> => {
      const name = `r${String(index)}@beta.test`;
      const { certificate } = await keyOf(name);
      const evidence = { checkedAt: NOW };
      const more = { source: "hkp", certificate, fetchedAt: NOW, evidence } as const;
      return { address: address(name), discovery: { kind: "found", code: "OK", ...more } };
    }),
  );
  const copies = async (named: number) => {
    const to = found.slice(0, named).map(({ address: one }) => formatAddress(one));
    const message = `From: alice@alpha.test\r\nTo: ${to.join(",\r\n ")}\r\nSubject: s\r\n\r\nx\r\n`;
    const preparation = await prepare(
      { clock, hostname: "m.alpha.test" },
      [address("alice@alpha.test")],
      Buffer.from(message),
    );
    assert(preparation.kind === "ready");
    const recipients = found.slice(0, named + 1);
    const envelope = {
      from: address("alice@alpha.test"),
      recipients: recipients.map((one) => one.address),
    };
    const { prepared } = preparation;
    return copiesOf({ seal, clock }, { signer, envelope, prepared, recipients });
  };
  assert.deepEqual(
    (await copies(63)).map(({ envelope }) => envelope.recipients.length),
    [63, 1],
  );
  await assert.rejects(copies(64), (error) => {
    return error instanceof UnsealableMessage && /63 recipients at once/.test(error.message);
  });
});
