import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { NOBODY_ASKED } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import { allMail, mailboxesWith, storedBody } from "../../test/support/mailboxes.ts";
import { NOW as KEY_NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { replyText } from "../../test/support/reply-text.ts";
import { blobsIn } from "../../test/support/spool.ts";
import { deliveryReply, readerReply } from "../app/delivery-replies.ts";
import { AppError } from "../base/errors.ts";
import { octetStringsIn } from "../base/large-octets.ts";
import { fromUnixMs } from "../base/time.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { firstField, parseHeader, serializeHeader, withoutFields } from "../mail/header.ts";
import { cameProtected } from "../mailbox/came-protected.ts";
import { seal } from "../pgpmime/seal.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../words/account.ts";
import { answerReader, deliver, type DeliverDeps } from "./incoming.ts";
import { traceIncoming } from "./tracing.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const MESSAGE = Buffer.from("From: alice@alpha.test\r\nSubject: hi\r\n\r\ntext\r\n");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

const wrapFor: DeliverDeps["wrapFor"] = async (account, data) => {
  if (account.address.local === "broken") throw new AppError("no key", { temporary: true });
  return Promise.resolve(Buffer.concat(octetStringsIn(data)));
};

/** Everybody at beta.test has an account; that of `broken` has no key. */
function depsFor(store: Store, failures: unknown[]): DeliverDeps {
  return {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async (wanted) =>
      Promise.resolve(
        wanted.local === "nobody"
          ? undefined
          : ({
              id: idOf(wanted),
              address: wanted,
              custody: "unlocks-at-login",
              createdAt: NOW,
            } as Account),
      ),
    hasRoom: async () => Promise.resolve(true),
    wrapFor,
    mailboxOf: mailboxesWith({ now: () => NOW }, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => {
      failures.push(error);
    },
    isReader: async () => Promise.resolve(false),
    ...NOBODY_ASKED,
  };
}

for (const { engine, open } of engines()) {
  test(`${engine}: trouble with one mailbox keeps no mail from the others`, async () => {
    await using store = await open();
    await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
    const failures: unknown[] = [];
    const deps = depsFor(store, failures);
    const names = ["bob", "broken", "nobody", "bea", "bob"];
    const arrival = {
      envelope: {
        from: address("alice@alpha.test"),
        recipients: names.map((name) => address(`${name}@beta.test`)),
      },
      message: MESSAGE,
      received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
    };
    const expected = [
      "250 2.0.0 stored",
      "451 4.3.0 temporary trouble here; try again later",
      "550 5.1.1 no such user here",
      "250 2.0.0 stored",
      "250 2.0.0 stored",
    ];
    // Whoever hears 451 for one of them sends all of it again: the others have it once.
    for (const _attempt of [1, 2]) {
      assert.deepEqual((await deliver(deps, arrival)).map(deliveryReply).map(replyText), expected);
    }
    assert.equal((await allMail(store, idOf(address("bob@beta.test")))).length, 1);
    assert.equal((await allMail(store, idOf(address("bea@beta.test")))).length, 1);
    assert.equal(failures.length, 2);
  });
}

for (const { engine, open } of engines()) {
  test(`${engine}: a message whose trace cannot be written is not accepted, and not stored`, async () => {
    await using store = await open();
    await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
    const trace = traceIncoming(async () => Promise.reject(new Error("locked")));
    const bob = address("bob@beta.test");
    const [answer] = await deliver(
      { ...depsFor(store, []), trace },
      {
        envelope: { from: address("alice@alpha.test"), recipients: [bob] },
        message: MESSAGE,
        received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
      },
    );
    assert.equal(answer && deliveryReply(answer).code, "451");
    assert.deepEqual(await allMail(store, idOf(bob)), []);
  });
}

const CMS = "MIAGCSqGSIb3DQEHA6CAMIACAQAxggE=";
const ARMOR = "-----BEGIN PGP MESSAGE-----\r\n\r\nwV4DxqLpkk2mq4SA\r\n-----END PGP MESSAGE-----";
/** What is passed on as it is: name, fields, body. */
const OPAQUE = [
  [
    "S/MIME",
    "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64",
    CMS,
  ],
  [
    "signed S/MIME",
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64",
    CMS,
  ],
  ["inline OpenPGP", "Content-Type: text/plain", ARMOR],
  [
    "inline OpenPGP beside text",
    "Content-Type: text/plain; charset=utf-8",
    `a \r\n${ARMOR}\r\n b\t`,
  ],
] as const;

const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");

/** What alice seals for bob, with another Message-ID outside. */
async function sealedWith(messageId: string | undefined): Promise<Buffer> {
  const sealed = await seal({
    message: Buffer.from("From: alice@alpha.test\r\nTo: bob@beta.test\r\nSubject: s\r\n\r\nx\r\n"),
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: KEY_NOW,
  });
  const { header, bodyOffset } = parseHeader(sealed);
  const fields = serializeHeader(withoutFields(header, new Set(["message-id"])));
  const field = messageId === undefined ? "" : `Message-ID: ${messageId}\r\n`;
  return Buffer.concat([
    Buffer.from(field),
    fields,
    Buffer.from("\r\n"),
    sealed.subarray(bodyOffset),
  ]);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a sealed message without a readable Message-ID gets one, so that an answer names it`, async () => {
    for (const given of [undefined, "", "12345", "<>", "<a b@alpha.test>", "<cut@alpha.test"]) {
      await using store = await open();
      await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
      const deps = depsFor(store, []);
      const arrival = {
        envelope: {
          from: address("alice@alpha.test"),
          recipients: [address("bob@beta.test"), address("bea@beta.test")],
        },
        message: await sealedWith(given),
        received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
      };
      // A repeated transaction gives it no other one.
      for (const _attempt of [1, 2]) await deliver(deps, arrival);
      const reader = address("bob@beta.test");
      const [listed, ...more] = await allMail(store, idOf(reader));
      assert(listed?.messageId !== undefined && more.length === 0);
      assert.match(listed.messageId, /^<[0-9a-f]{32}@mx\.beta\.test>$/);
      assert(await cameProtected(store, idOf(reader), [listed.messageId]));
      const body = await storedBody(store, idOf(reader), listed.id);
      const { header } = parseHeader(body ?? new Uint8Array());
      const first = firstField(header, "Message-ID");
      assert.equal(Buffer.from(first?.raw ?? "").toString(), `Message-ID: ${listed.messageId}\r\n`);
      const [other] = await allMail(store, idOf(address("bea@beta.test")));
      assert.equal(other?.messageId, listed.messageId, "its readers answer the same message");
    }
  });

  test(`${engine}: a readable Message-ID stays the only one`, async () => {
    await using store = await open();
    await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
    const arrival = {
      envelope: { from: address("alice@alpha.test"), recipients: [address("bob@beta.test")] },
      message: await sealedWith("<1@alpha.test>"),
      received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
    };
    await deliver(depsFor(store, []), arrival);
    const [listed] = await allMail(store, idOf(address("bob@beta.test")));
    assert.equal(listed?.messageId, "<1@alpha.test>");
  });
}

for (const { engine, open } of engines()) {
  test(`${engine}: nothing is taken for a domain that is not served here, nor for a user who is not here`, async () => {
    await using store = await open();
    await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
    const deps: DeliverDeps = {
      ...depsFor(store, []),
      isOurs: ({ domain }) => domain === "beta.test",
    };
    const answer = async (text: string): Promise<string> => {
      const reply = readerReply(await answerReader(deps, address(text), 1000));
      return reply === "ok" ? reply : replyText(reply);
    };
    assert.equal(await answer("bob@beta.test"), "ok");
    assert.match(await answer("nobody@beta.test"), /^550 5\.1\.1/);
    for (const foreign of [
      "bob@gamma.test",
      "bob@sub.beta.test",
      "bob@beta.test.evil.test",
      "bob%beta.test@evil.test",
      '"bob@beta.test"@evil.test',
      "bob!x@evil.test",
    ]) {
      assert.equal(await answer(foreign), "550 5.7.1 relaying is not possible here", foreign);
    }
  });

  for (const [name, type, body] of OPAQUE) {
    test(`${engine}: ${name} arrives byte for byte, whatever it holds, and is UNPROTECTED`, async () => {
      await using store = await open();
      await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
      const message = Buffer.from(
        `From: alice@alpha.test\r\nTo: bob@beta.test\r\n${type}\r\n\r\n${body}\r\n`,
        "latin1",
      );
      const arrival = {
        envelope: { from: address("alice@alpha.test"), recipients: [address("bob@beta.test")] },
        message,
        received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
      };
      await deliver(depsFor(store, []), arrival);
      const [listed] = await allMail(store, idOf(address("bob@beta.test")));
      assert(listed);
      assert.equal(listed.verdict.state, "UNPROTECTED");
      assert.equal(listed.form, "wrapped");
      const stored = await storedBody(store, idOf(address("bob@beta.test")), listed.id);
      assert(
        Buffer.from(stored ?? "")
          .toString("latin1")
          .endsWith(message.toString("latin1")),
      );
    });
  }
}
