/** Mail signed in clear, end to end through `deliver` and `showMail`: nothing that was not signed stands under VERIFIED. */
import assert from "node:assert/strict";
import { NO_OUTLINE } from "../../src/incoming/outline.ts";
import { summaryOf } from "../../src/incoming/summary.ts";
import { summaryOctets } from "../../src/mailbox/summary.ts";
import { openTestStore } from "../support/tag-keys.ts";
import { allMail, mailboxesWith, storedBody } from "../support/mailboxes.ts";
import { test } from "node:test";

import { armorSignature } from "../support/signatures.ts";
import type { AuthorAnswer } from "../../src/discovery/author.ts";
import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import { listMail } from "../../src/incoming/list-page.ts";
import { showMail, type ReadingDeps } from "../../src/incoming/reading.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";
import { parseHeader } from "../../src/mail/header.ts";
import { receivedForm } from "../../src/mailbox/embedded/stored-form.ts";
import { after, HOUR } from "../../src/base/time.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest, signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { container, seal } from "../../src/pgpmime/seal.ts";
import { replyText } from "../support/reply-text.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { type Store } from "../../src/store/store.ts";
import { serves, SILENT } from "../support/authors.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import { NOW, expectDecrypted, ownKey } from "../support/openpgp-messages.ts";
import type { Account } from "../../src/words/account.ts";
import { deliveryReply } from "../../src/app/delivery-replies.ts";
import { blobsIn } from "../support/spool.ts";

const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const DATE = NOW.toUTCString().replace("GMT", "+0000");
const FOUND = serves(alice.certificate);
const SIGNED = [
  'Content-Type: text/plain; charset=utf-8; hp="clear"',
  "From: Alice <alice@alpha.test>",
  "To: carol@alpha.test",
  `Date: ${DATE}`,
  "Subject: Lunch at noon",
  "Message-ID: <1@alpha.test>",
  "",
  "Yes, please do it.",
].join("\r\n");
const FORGED = [
  "From: Boss <mallory@alpha.test>",
  "To: bob@beta.test",
  `Date: ${DATE}`,
  "Subject: Pay Mallory",
  "Message-ID: <9@evil.test>",
];

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

async function signatureOver(text: string, readers: readonly UnlockedKey[]): Promise<string> {
  const recipients = [bob.certificate];
  const intended = readers.map(({ fingerprint }) => fingerprint);
  const data = Buffer.from(text);
  const ciphertext = await signAndEncrypt({ data, signer: alice, recipients, intended, now: NOW });
  const { signatures } = expectDecrypted(await decrypt({ message: ciphertext, keys: [bob] }));
  assert(signatures[0] !== undefined);
  return Buffer.from(armorSignature(packet(2, signatures[0].packet))).toString("latin1");
}

/** `intended`: whom the signature names as its readers. */
async function signedMail(
  outer: readonly string[],
  part: string,
  more = "",
  intended: readonly UnlockedKey[] = [],
): Promise<Buffer> {
  const type = 'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"';
  return Buffer.from(
    [
      ...outer,
      "MIME-Version: 1.0",
      `Content-Type: ${type}; boundary="b"${more}`,
      "",
      "--b",
      part,
      "--b",
      "Content-Type: application/pgp-signature",
      "",
      await signatureOver(part, intended),
      "--b--",
      "",
    ].join("\r\n"),
  );
}

type World = DeliverDeps & ReadingDeps & { answer: AuthorAnswer; asked: number; now: Date };

const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) =>
  encryptAtRest({ data, recipients: [bob.certificate], now: NOW });

function worldOf(store: Store): World {
  const world: World = {
    store,
    blobs: blobsIn(store),
    answer: FOUND,
    asked: 0,
    now: NOW,
    clock: { now: () => world.now },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async (wanted) =>
      Promise.resolve({
        id: idOf(wanted),
        address: wanted,
        custody: "unlocks-at-login",
        createdAt: NOW,
      } as Account),
    hasRoom: async ({ address: { local } }) => Promise.resolve(local !== "full"),
    wrapFor,
    mailboxOf: mailboxesWith({ now: () => world.now }, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => assert.fail(String(error)),
    askAuthor: async () => {
      world.asked += 1;
      return Promise.resolve(world.answer);
    },
    askAuthorKey: async () => Promise.resolve({ kind: "absent" }),
    isReader: async (_account, addresses) =>
      Promise.resolve(addresses.some(({ local }) => local === "bob")),
    open,
    isParked: async () => Promise.resolve(false),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: Buffer.alloc(32),
  } as World;
  return world;
}

async function arrive(world: World, message: Uint8Array, readers = ["bob"]): Promise<string[]> {
  const recipients = readers.map((local) => address(`${local}@beta.test`));
  const envelope = { from: address("x@evil.test"), recipients };
  const received = { protocol: "ESMTP", client: "c" };
  return (await deliver(world, { envelope, message, received })).map(deliveryReply).map(replyText);
}

const account = address("bob@beta.test");

async function read(world: World) {
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const { entries } = await listMail(world, { account: idOf(account), keys });
  const [entry] = entries;
  assert(entry !== undefined);
  const shown = await showMail(world, { account: idOf(account), id: entry.id, keys });
  assert(shown !== undefined);
  const [text, raw] = [shown.message, shown.raw].map((bytes) => Buffer.from(bytes).toString());
  assert(text !== undefined && raw !== undefined);
  return { entry, text, raw, parts: shown.parts };
}

/** What the mailbox keeps, taken out of its protection at rest. */
async function stored(world: World): Promise<string> {
  const [listed] = await allMail(world.store, idOf(account), [bob]);
  const body = listed && (await storedBody(world.store, idOf(account), listed.id));
  assert(listed !== undefined && body !== undefined);
  if (listed.form !== "wrapped") {
    const received = await receivedForm({ body, keys: [bob] });
    assert(received.kind === "received");
    return Buffer.from(received.message).toString();
  }
  const opened = expectDecrypted(await decrypt({ message: body, keys: [bob] }));
  return Buffer.from(opened.data).toString();
}

async function newWorld(): Promise<World & AsyncDisposable> {
  const store = await openTestStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  await haveAccounts(store, account, address("bea@beta.test"), address("full@beta.test"));
  return Object.assign(worldOf(store), {
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  });
}

test("what stands outside a verified signed header is not shown", async () => {
  await using world = await newWorld();
  await arrive(world, await signedMail(FORGED, SIGNED));
  const { entry, text } = await read(world);
  assert.equal(entry.state, "VERIFIED");
  assert.deepEqual(entry.warnings, ["NOT_ADDRESSED"]);
  assert.equal(entry.from, "Alice <alice@alpha.test>");
  assert.equal(entry.subject, "Lunch at noon");
  assert.match(text, /^From: Alice <alice@alpha\.test>\r$/m);
  assert.match(text, /^To: carol@alpha\.test\r$/m);
  assert.match(text, /Yes, please do it\./);
  assert.doesNotMatch(text, /Mallory|mallory|Boss|bob@beta\.test\r/);
});

test("without a verified signature the message is ordinary mail, shown as it arrived", async () => {
  await using world = await newWorld();
  const mail = (await signedMail(FORGED, SIGNED)).toString().replace("do it", "do not");
  await arrive(world, Buffer.from(mail));
  const { entry, text } = await read(world);
  assert.equal(entry.state, "UNPROTECTED");
  assert.equal(entry.subject, "Pay Mallory");
  assert.match(text, /^Subject: Pay Mallory\r$/m);
});

const AUTHOR = "From: Alice <alice@alpha.test>";
const OUTER = [AUTHOR, ...FORGED.slice(1)];
const SPOOFED = "Pay Mallory at once, says Alice.";
/** Without a header of its own: what stands outside is shown. */
const BARE = "Content-Type: text/plain\r\n\r\nYes, please do it.";

/** With text before the first delimiter of the root. */
const withPreamble = (mail: Uint8Array, text: string): Buffer =>
  Buffer.from(Buffer.from(mail).toString("latin1").replace("\r\n\r\n--", `\r\n\r\n${text}\r\n--`));

for (const [name, part, state] of [
  ["a header of its own", SIGNED, "VERIFIED"],
  ["none", BARE, "VERIFIED_BODY"],
] as const) {
  test(`text before a signed part with ${name} is neither shown under ${state} nor kept`, async () => {
    for (const preamble of [SPOOFED, `${SPOOFED}\r\n`, `\r\n${SPOOFED}\r\n--c\r\n\r\n${SPOOFED}`]) {
      await using world = await newWorld();
      await arrive(world, withPreamble(await signedMail(OUTER, part), preamble));
      const { entry, text, raw, parts } = await read(world);
      assert.equal(entry.state, state);
      assert.equal(raw, part);
      assert.equal(parts.length, 1);
      assert.match(text, /Yes, please do it\./);
      for (const each of [text, await stored(world), JSON.stringify(parts)]) {
        assert.doesNotMatch(each, /says Alice/);
      }
    }
  });
}

test("text behind a signed part makes it ordinary mail", async () => {
  await using world = await newWorld();
  await arrive(world, Buffer.concat([await signedMail(OUTER, SIGNED), Buffer.from(SPOOFED)]));
  const { entry } = await read(world);
  assert.equal(entry.state, "UNPROTECTED");
  assert.equal(entry.signature, "none");
});

test("blank lines behind a signed part are not kept", async () => {
  await using world = await newWorld();
  await arrive(world, Buffer.concat([await signedMail(OUTER, SIGNED), Buffer.from(" \r\n\r\n")]));
  assert.equal((await read(world)).entry.state, "VERIFIED");
  assert((await stored(world)).endsWith("--b--\r\n"));
});

test("a signed part within other parts says nothing, whatever stands around it", async () => {
  await using world = await newWorld();
  const signed = (await signedMail([], SIGNED)).toString();
  const type = 'Content-Type: multipart/mixed; boundary="m"';
  const lines = [...OUTER, type, "", SPOOFED, "--m", signed, "--m--", SPOOFED, ""];
  await arrive(world, Buffer.from(lines.join("\r\n")));
  const { entry } = await read(world);
  assert.equal(entry.state, "UNPROTECTED");
  assert.equal(entry.signature, "none");
});

test("text around a sealed part is not shown under CONFIDENTIAL, and not removed", async () => {
  await using world = await newWorld();
  const message = Buffer.from(SIGNED.replace("carol@alpha.test", "bob@beta.test"));
  const recipients = [bob.certificate];
  const sealed = await seal({ message, signer: alice, recipients, intended: [], now: NOW });
  const around = Buffer.concat([withPreamble(sealed, SPOOFED), Buffer.from(`${SPOOFED}\r\n`)]);
  assert.equal(around.toString().split(SPOOFED).length, 3);
  await arrive(world, around);
  const { entry, text, raw, parts } = await read(world);
  assert.equal(entry.state, "CONFIDENTIAL");
  assert.match(text, /Yes, please do it\./);
  for (const each of [text, raw, JSON.stringify(parts)]) {
    assert.doesNotMatch(each, /says Alice/);
  }
  assert((await stored(world)).endsWith(around.toString()));
});

test("text around a signed part within a sealed one is not shown under CONFIDENTIAL", async () => {
  const part = SIGNED.replace("carol@alpha.test", "bob@beta.test").replace("clear", "cipher");
  for (const [before, behind, state] of [
    [SPOOFED, "", "CONFIDENTIAL"],
    ["", SPOOFED, "ENCRYPTED_UNVERIFIED"],
  ] as const) {
    await using world = await newWorld();
    const signed = await signedMail([], part, "", []);
    const data = Buffer.concat([withPreamble(signed, before), Buffer.from(behind)]);
    const ciphertext = await encryptAtRest({ data, recipients: [bob.certificate], now: NOW });
    await arrive(
      world,
      container(parseHeader(Buffer.from(`${OUTER.join("\r\n")}\r\n\r\n`)).header, ciphertext),
    );
    const { entry, text, raw } = await read(world);
    assert.equal(entry.state, state);
    if (state === "CONFIDENTIAL") assert.doesNotMatch(text + raw, /says Alice/);
  }
});

test("a boundary in two forms is no signed message", async () => {
  const outer = ["From: Alice <alice@alpha.test>", ...FORGED.slice(1)];
  for (const more of ["; boundary*=utf-8''b", "; boundary*0=b", "; protocol*=us-ascii''x"]) {
    await using world = await newWorld();
    await arrive(world, await signedMail(outer, SIGNED, more));
    const { entry } = await read(world);
    assert.equal(entry.state, "UNPROTECTED", more);
    assert.equal(entry.signature, "none");
  }
});

test("a signature that could not be checked is checked again while the mail waits", async () => {
  await using world = await newWorld();
  world.answer = SILENT;
  await arrive(world, await signedMail(FORGED, SIGNED));
  const { entry } = await read(world);
  assert.equal(entry.state, "UNPROTECTED");
  assert.equal(entry.signature, "later");
  assert.equal(entry.subject, "Pay Mallory");
  world.answer = FOUND;
  world.now = after(NOW, HOUR);
  const later = await read(world);
  assert.equal(later.entry.state, "VERIFIED");
  assert.equal(later.entry.subject, "Lunch at noon");
  assert.doesNotMatch(later.text, /Mallory/);
});

test("a signature that nobody can check is given up after three days", async () => {
  await using world = await newWorld();
  world.answer = SILENT;
  await arrive(world, await signedMail(FORGED, SIGNED));
  world.now = after(NOW, 73 * HOUR);
  assert.equal((await read(world)).entry.signature, "unknown");
});

test("the author is asked about once, and a mailbox that filled up meanwhile takes nothing", async () => {
  await using world = await newWorld();
  const replies = await arrive(world, await signedMail(FORGED, SIGNED), ["bob", "full", "bea"]);
  assert.deepEqual(replies, [
    "250 2.0.0 stored",
    "452 4.2.2 the mailbox is full; retry later",
    "250 2.0.0 stored",
  ]);
  assert.equal(world.asked, 1);
});

test("a verdict of another message than the one that is stored is not shown over it", async () => {
  await using world = await newWorld();
  await arrive(world, Buffer.from([...FORGED, "", "Pay now."].join("\r\n")));
  const [listed] = await allMail(world.store, idOf(account));
  assert(listed !== undefined);
  const verdict = { ...listed.verdict, state: "VERIFIED", signature: "verified" } as const;
  const forged = { ...summaryOf({ header: [], verdict, outline: NO_OUTLINE }), from: "Alice" };
  const data = summaryOctets(forged);
  const summary = await encryptAtRest({ data, recipients: [bob.certificate], now: NOW });
  await world.store.db
    .updateTable("mailbox_messages")
    .set({ state: "VERIFIED", summary })
    .execute();
  const { text } = await read(world);
  assert.match(text, /Pay now/);
  assert.doesNotMatch(text, /VERIFIED/);
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const shown = await showMail(world, { account: idOf(account), id: listed.id, keys });
  assert.deepEqual([shown?.state, shown?.signature], ["UNPROTECTED", "none"]);
});
