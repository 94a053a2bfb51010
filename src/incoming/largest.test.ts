/** The largest messages: what is answered 250 opens again, and what could not be kept is refused. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { NOBODY_ASKED } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import { allMail, mailboxesWith } from "../../test/support/mailboxes.ts";
import { expectDecrypted, NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { replyText } from "../../test/support/reply-text.ts";
import { blobsIn } from "../../test/support/spool.ts";
import { deliveryReply } from "../app/delivery-replies.ts";
import { parseAddress } from "../mail/address.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { encryptAtRest, signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import { MAX_CLEAR_OCTETS } from "../openpgp/messages/plain.ts";
import type { Account } from "../words/account.ts";
import { deliver, type DeliverDeps } from "./incoming.ts";
import { traceIncoming } from "./tracing.ts";

const bob = parseAddress("bob@beta.test") ?? assert.fail();
const [sqlite = assert.fail()] = engines();

test("the largest text that is encrypted opens again, for one reader at rest and signed for 64", async () => {
  const data = randomBytes(MAX_CLEAR_OCTETS);
  const key = await ownKey("bob@beta.test", "modern");
  const recipients = Array.from({ length: 64 }, () => key.certificate);
  const intended = recipients.map(({ fingerprint }) => fingerprint);
  for (const message of [
    await encryptAtRest({ data, recipients: [key.certificate], now: NOW }),
    await signAndEncrypt({ data, recipients, now: NOW, signer: key, intended }),
  ]) {
    const opened = expectDecrypted(await decrypt({ message, keys: [key] }));
    assert(Buffer.from(opened.data).equals(data));
  }
});

test("a clear message that is larger than can be kept is answered 552, the largest that can is kept and opens", async () => {
  await using store = await sqlite.open();
  await haveAccounts(store, bob);
  const key = await ownKey("bob@beta.test", "compat");
  const failures: unknown[] = [];
  const kept: Uint8Array[] = [];
  const header = Buffer.from("From: alice@alpha.test\r\nSubject: large\r\n\r\n");
  const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) => {
    const wrapped = await encryptAtRest({ data, recipients: [key.certificate], now: NOW });
    kept.push(wrapped);
    return wrapped;
  };
  const answerTo = async (octets: number) => {
    const [answer] = await deliver(
      {
        store,
        blobs: blobsIn(store),
        clock: { now: () => NOW },
        hostname: "mx.beta.test",
        isOurs: () => true,
        findAccount: async (address) =>
          Promise.resolve({
            id: idOf(address),
            address,
            custody: "unlocks-at-login",
            createdAt: NOW,
          } as Account),
        hasRoom: async () => Promise.resolve(true),
        wrapFor,
        mailboxOf: mailboxesWith({ now: () => NOW }, wrapFor),
        arrived: () => undefined,
        trace: traceIncoming(async () => Promise.resolve()),
        failed: (error) => failures.push(error),
        isReader: async () => Promise.resolve(false),
        ...NOBODY_ASKED,
      },
      {
        envelope: { from: undefined, recipients: [bob] },
        message: Buffer.concat([header, Buffer.alloc(octets - header.length, "x\r\n")]),
        received: { protocol: "ESMTP", client: "c.test ([192.0.2.1])" },
      },
    );
    return answer === undefined ? "" : replyText(deliveryReply(answer));
  };
  const most = MAX_CLEAR_OCTETS - 64 * 1024;
  assert.match(await answerTo(most + 1), /^552 5\.3\.4 .* 52363264 bytes/);
  assert.deepEqual([kept.length, (await allMail(store, idOf(bob))).length], [0, 0]);
  assert.match(await answerTo(most), /^250 /);
  const [body = assert.fail()] = kept;
  assert(expectDecrypted(await decrypt({ message: body, keys: [key] })).data.length > most);
  assert.deepEqual(failures, []);
});
