/** Headers that are made to cost, outside and inside. Each ends with an answer while other mail keeps flowing. */
import assert from "node:assert/strict";
import { openTestStore } from "../support/tag-keys.ts";
import { mailboxesWith } from "../support/mailboxes.ts";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";
import { stripResultHeaders } from "../../src/mail/auth-results.ts";
import { contentTypeOf, dispositionOf } from "../../src/mail/content-type.ts";
import { displayMailboxes } from "../../src/mail/display-mailbox.ts";
import {
  decodedText,
  parseHeader,
  serializeHeader,
  type Header,
  type HeaderField,
} from "../../src/mail/header.ts";
import { scanRoot } from "../../src/mail/mime.ts";
import { readPayload } from "../../src/pgpmime/payload-header.ts";
import { threadStopwatch } from "../support/cpu-time.ts";
import { readMessageFacts } from "../../src/mail/mail.ts";
import { armorMessage } from "../../src/openpgp/packets/armor.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { signatureFacts } from "../../src/openpgp/messages/signature-facts.ts";
import { prepare } from "../../src/outgoing/prepare.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { replyText } from "../support/reply-text.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { longestBlock } from "../support/longest-block.ts";
import {
  NOW,
  expectDecrypted,
  forge,
  literal,
  ownKey,
  sealFor,
} from "../support/openpgp-messages.ts";
import { NOBODY_ASKED } from "../support/authors.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import type { Account } from "../../src/words/account.ts";
import { Given } from "../../src/base/given.ts";
import { octetStringsIn } from "../../src/base/large-octets.ts";
import { deliveryReply } from "../../src/app/delivery-replies.ts";
import { blobsIn } from "../support/spool.ts";

const MB = 1024 * 1024;
const FROM = "From: alice@alpha.test\r\n";
const FLOODS: readonly (readonly [string, string, number])[] = [
  ["fields", "a:\r\n", 37],
  ["a field of lines", "a: b\r\n c\r\n", 37],
  ["mailboxes", "To: a@b.c,\r\n a@b.c,\r\n a@b.c\r\n", 20],
  ["lines that are no fields", "x\r\n", 20],
];
const LARGE = /^552 5\.3\.4 the header of the message is too large/;
const SEALED_HEAD =
  `${FROM}To: bob@beta.test\r\nSubject: [...]\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; ` +
  'protocol="application/pgp-encrypted"; boundary="b"\r\n';
const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

function flood(unit: string, megabytes: number): Buffer {
  return Buffer.from(unit.repeat(Math.floor((megabytes * MB) / unit.length)));
}

function sealedMail(ciphertext: Uint8Array, more: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    Buffer.from(SEALED_HEAD),
    more,
    Buffer.from(
      "\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n" +
        "--b\r\nContent-Type: application/octet-stream\r\n\r\n",
    ),
    armorMessage(ciphertext),
    Buffer.from("\r\n--b--\r\n"),
  ]);
}

const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) =>
  Promise.resolve(Buffer.concat(octetStringsIn(data)));

async function arrive(message: Uint8Array): Promise<readonly string[]> {
  await using store = await openTestStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  await haveAccounts(store, address("bob@beta.test"));
  const deps: DeliverDeps = {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async (wanted) =>
      Promise.resolve({
        id: idOf(wanted),
        address: wanted,
        custody: "unlocks-at-login",
        createdAt: NOW,
      } as Account),
    hasRoom: async () => Promise.resolve(true),
    wrapFor,
    mailboxOf: mailboxesWith({ now: () => NOW }, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: () => undefined,
    isReader: async () => Promise.resolve(false),
    ...NOBODY_ASKED,
  };
  const envelope = { from: address("x@evil.test"), recipients: [address("bob@beta.test")] };
  const received = { protocol: "ESMTP", client: "c" };
  return (await deliver(deps, { envelope, message, received })).map(deliveryReply).map(replyText);
}

for (const [name, unit, megabytes] of FLOODS) {
  test(`a header of ${String(megabytes)} MiB of ${name} is refused after DATA, clear and sealed`, async () => {
    const header = flood(unit, megabytes);
    const clear = Buffer.concat([Buffer.from(FROM), header, Buffer.from("\r\nbody\r\n")]);
    const sealed = sealedMail(literal("x"), header);
    for (const message of [clear, sealed]) {
      const blockedMs = await longestBlock(async () => {
        assert.match((await arrive(message))[0] ?? "", LARGE);
      });
      assert(blockedMs < 1000, `${String(blockedMs)} ms`);
    }
    const blockedMs = await longestBlock(async () => {
      const clock = { now: () => NOW };
      const own = [address("alice@alpha.test")];
      const prepared = await prepare({ clock, hostname: "m.alpha.test" }, own, new Given(clear));
      assert(prepared.kind === "refused");
      assert.equal(prepared.fault, "large-header");
      detectProtection(clear);
    });
    assert(blockedMs < 1000, `${String(blockedMs)} ms`);
  });

  test(`a sealed header of ${String(megabytes)} MiB of ${name} is not opened`, async () => {
    const inside = Buffer.concat([
      Buffer.from('Content-Type: text/plain; hp="cipher"\r\n'),
      flood(unit, megabytes),
      Buffer.from("\r\nbody\r\n"),
    ]);
    const filler = randomBytes(megabytes * 24_000);
    const packed = deflateSync(Buffer.concat([literal(Buffer.concat([inside, filler]))]), {
      level: 1,
    });
    const message = sealedMail(forge(bob, packet(8, Buffer.concat([Buffer.of(2), packed]))));
    const opened = await open({ message, keys: [bob] });
    assert.deepEqual(opened, { kind: "unsupported", form: "a header that is too large" });
  });
}

test("a header of a mebibyte is accepted and read at once", async () => {
  for (const header of [
    "a:\r\n".repeat(1900),
    `To: ${"a@b.c,\r\n ".repeat(100_000)}a@b.c\r\n`,
    `Cc: ${"a b ".repeat(250_000)}\r\n`,
    `Subject: ${"=?a?q?b?=\r\n ".repeat(40_000)}${"=?b?q?b?= =?c?q?b?=\r\n ".repeat(20_000)}\r\n`,
    `Subject: ${"=?x".repeat(300_000)}\r\n`,
    `Date: ${"(".repeat(1_000_000)}\r\n`,
    `From: ${"a@b.c,\r\n ".repeat(100_000)}a@b.c\r\n`,
    `Content-Transfer-Encoding: ${"(a)".repeat(300_000)}\r\n`,
    `Content-Type: ${"(a)".repeat(300_000)}\r\n`,
  ]) {
    const message = Buffer.from(`${header}${FROM}\r\nbody\r\n`);
    const blockedMs = await longestBlock(async () => {
      assert.deepEqual(await arrive(message), ["250 2.0.0 stored"], header.slice(0, 40));
    });
    assert(blockedMs < 1000, `${header.slice(0, 40)}: ${String(blockedMs)} ms`);
  }
});

test("a list of more mailboxes than anybody writes to is no list", () => {
  const many = (count: number): string => `To: ${"a@b.c,\r\n ".repeat(count - 1)}a@b.c\r\n\r\n`;
  const facts = (text: string) => readMessageFacts(parseHeader(Buffer.from(text)).header);
  assert.equal(facts(many(7000)).to.length, 7000);
  assert.equal(facts(many(8000)).to.length, 0);
});

test("a structured field beyond 64 KiB is not read, and names, permits and claims nothing", () => {
  const long = "x".repeat(66_000);
  const header = (text: string) => parseHeader(Buffer.from(`${text}\r\n\r\n`)).header;
  const facts = (text: string) => readMessageFacts(header(text));
  assert.equal(facts(`From: ${long} <a@b.test>`).from, undefined);
  for (const name of ["To", "Cc", "Bcc"] as const) {
    const key = name.toLowerCase() as "to" | "cc" | "bcc";
    assert.deepEqual(facts(`${name}: ${long} <a@b.test>`)[key], []);
  }
  assert.equal(facts(`Message-ID: <a@b.test> (${long})`).messageId, undefined);
  assert.equal(facts(`Date: Mon, 23 Nov 2026 10:00:00 +0000 (${long})`).date, undefined);
  assert.equal(facts(`In-Reply-To: (${long})`).isReply, true);
  const type = 'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b';
  const [parsed, unread] = [type, `${type}; x=${long}`].map((one) =>
    contentTypeOf(header(`Content-Type: ${one}`)),
  );
  assert.deepEqual([parsed?.type, unread?.type], ["multipart", "text"]);
  const disposed = header(`Content-Disposition: inline; filename=${long}`);
  assert.equal(dispositionOf(disposed).kind, "attachment");
  const results = header(`Authentication-Results: other.test (${long}); dkim=pass`);
  assert.deepEqual(stripResultHeaders(results, ["mx.beta.test"]), []);
});

/** A run that is over the bar may have collected the garbage of others: then it is tried again. */
function quickestOfThree(work: () => unknown, barMs: number): number {
  let quickestMs = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3 && quickestMs >= barMs; turn += 1) {
    const elapsed = threadStopwatch();
    work();
    quickestMs = Math.min(quickestMs, elapsed());
  }
  return quickestMs;
}

test("each reader of a structured field of a mebibyte is done in 50 milliseconds of work", () => {
  const units = [
    "a@b.c, ",
    "(",
    ")",
    "(a) ",
    '"',
    "\\",
    "<",
    "<a>",
    "; a=b",
    "; a*0=b",
    ",",
    " ",
    "=?utf-8?q?a?= ",
    "é",
    "a:b;",
  ];
  const readers: Readonly<Record<string, (header: Header, field: HeaderField) => unknown>> = {
    readMessageFacts,
    contentTypeOf,
    dispositionOf,
    stripResultHeaders: (header) => stripResultHeaders(header, ["mx.beta.test"]),
    displayMailboxes: (_header, field) => displayMailboxes(field),
    decodedText: (_header, field) => decodedText(field),
    scanRoot: (header) => scanRoot(Buffer.from(serializeHeader(header))),
    readPayload: (header) =>
      readPayload(Buffer.concat([serializeHeader(header), Buffer.from("\r\nx")])),
  };
  const names = [
    "From",
    "To",
    "Date",
    "Content-Type",
    "Content-Disposition",
    "Authentication-Results",
  ];
  names.push("Content-Transfer-Encoding", "Message-ID", "References", "Subject");
  for (const name of names) {
    for (const unit of units) {
      const { header } = parseHeader(Buffer.from(`${name}: ${unit.repeat(MB / unit.length)}\r\n`));
      const [field] = header;
      assert(field !== undefined);
      for (const [what, read] of Object.entries(readers)) {
        const tookMs = quickestOfThree(() => read(header, field), 50);
        assert(tookMs < 50, `${what} of ${name} of ${unit}: ${tookMs.toFixed(0)} ms`);
      }
    }
  }
});

test("a text signature over 48 MiB of line feeds keeps the loop free", async () => {
  const sealed = await sealFor(Buffer.from("x"), alice, bob);
  const [signature] = expectDecrypted(await decrypt({ message: sealed, keys: [bob] })).signatures;
  assert(signature !== undefined);
  const body = Buffer.from(signature.packet);
  body[1] = 1;
  const data = Buffer.alloc(48 * MB, "\n");
  const blockedMs = await longestBlock(async () => {
    const { certificate } = alice;
    const checked = await verifySignature({ data, signature: signatureFacts(body), certificate });
    assert.deepEqual(checked, { kind: "invalid", reason: "it does not verify" });
  });
  assert(blockedMs < 1000, `${String(blockedMs)} ms`);
});
