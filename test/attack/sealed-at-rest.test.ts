/** Nothing that anybody could read lies in the database, whatever calls itself sealed; and no octet of it is lost. */
import assert from "node:assert/strict";
import { allMail, mailboxesWith, storedBody } from "../support/mailboxes.ts";
import { test } from "node:test";

import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import { receivedForm } from "../../src/mailbox/embedded/stored-form.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { armorMessage } from "../../src/openpgp/packets/armor.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { putTogether, takeApart } from "../../src/pgpmime/apart.ts";
import { open as openMessage } from "../../src/pgpmime/pgpmime.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { engines } from "../support/engines.ts";
import { mutate, seededRandom } from "../support/mutate.ts";
import { NOW, ownKey } from "../support/openpgp-messages.ts";
import { NOBODY_ASKED } from "../support/authors.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import type { Account } from "../../src/words/account.ts";
import { blobsIn } from "../support/spool.ts";

const CANARY = "CANARY-5d1e";
const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const READER = addressOf("bob@beta.test");
const SEALED = await seal({
  message: Buffer.from("From: alice@alpha.test\r\nTo: bob@beta.test\r\nSubject: s\r\n\r\nx\r\n"),
  signer: alice,
  recipients: [bob.certificate],
  intended: [bob.fingerprint],
  now: NOW,
});
const TEXT = Buffer.from(SEALED).toString("latin1");
const ARMOR = /-----BEGIN[\s\S]*-----END PGP MESSAGE-----/;

const withData = (data: string): Buffer => Buffer.from(TEXT.replace(ARMOR, data), "latin1");
const armored = (...bytes: readonly Uint8Array[]): string =>
  Buffer.from(armorMessage(Buffer.concat(bytes)))
    .toString("latin1")
    .trimEnd();
const part = (text: string): string => `\r\nContent-Type: text/plain\r\n\r\n${text}`;
const boundary = /boundary="([^"]+)"/.exec(TEXT)?.[1] ?? "";

const SHAPES: readonly (readonly [string, Buffer, string])[] = [
  ["text instead of ciphertext", withData(`figures: ${CANARY}`), "UNPROTECTED"],
  ["nothing instead of ciphertext", withData(CANARY.slice(0, 0)), "UNPROTECTED"],
  ["armored text", withData(armored(Buffer.from(CANARY))), "UNPROTECTED"],
  [
    "a literal in armor",
    withData(armored(packet(11, Buffer.from(`b\0\0\0\0\0${CANARY}`)))),
    "UNPROTECTED",
  ],
  ["text before the armor", withData(`${CANARY}\r\n${ARMOR.exec(TEXT)?.[0] ?? ""}`), "LOCKED"],
  ["text behind the armor", withData(`${ARMOR.exec(TEXT)?.[0] ?? ""}\r\n${CANARY}`), "LOCKED"],
  [
    "a remark in the armor",
    Buffer.from(
      TEXT.replace("MESSAGE-----\r\n", `MESSAGE-----\r\nComment: ${CANARY}\r\n`),
      "latin1",
    ),
    "LOCKED",
  ],
  [
    "a session key and then text",
    withData(armored(Buffer.of(0xc1, 0x03, 3, 1, 2), Buffer.from(CANARY))),
    "LOCKED",
  ],
  [
    "armor that is one line, with a remark",
    withData(
      (ARMOR.exec(TEXT)?.[0] ?? "").replaceAll("\r\n", " ").replace("- ", `- Comment: ${CANARY} `),
    ),
    "LOCKED",
  ],
  ["text in the header", Buffer.from(`X-Note: ${CANARY}\r\n${TEXT}`, "latin1"), "LOCKED"],
  [
    "text before the first part",
    Buffer.from(
      TEXT.replace(`\r\n\r\n--${boundary}`, `\r\n\r\n${CANARY}\r\n--${boundary}`),
      "latin1",
    ),
    "LOCKED",
  ],
  ["text behind the last part", Buffer.from(`${TEXT}${CANARY}\r\n`, "latin1"), "LOCKED"],
  [
    "a third part",
    Buffer.from(
      TEXT.replace(`--${boundary}--`, `--${boundary}${part(CANARY)}\r\n--${boundary}--`),
      "latin1",
    ),
    "UNPROTECTED",
  ],
  [
    "a cut armor",
    withData((ARMOR.exec(TEXT)?.[0] ?? "").slice(0, 200) + `\r\n${CANARY}`),
    "LOCKED",
  ],
];

const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) =>
  encryptAtRest({ data, recipients: [bob.certificate], now: NOW, isOwn: true });

function depsFor(store: Store): DeliverDeps {
  return {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async (address) =>
      ({ id: idOf(address), address, custody: "unlocks-at-login", createdAt: NOW }) as Account,
    hasRoom: async () => true,
    wrapFor,
    mailboxOf: mailboxesWith({ now: () => NOW }, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => {
      throw error;
    },
    isReader: async () => Promise.resolve(false),
    ...NOBODY_ASKED,
  };
}

async function delivered(store: Store, message: Uint8Array) {
  await haveAccounts(store, READER);
  const envelope = { from: addressOf("alice@alpha.test"), recipients: [READER] };
  const received = { protocol: "ESMTP", client: "c" };
  const [delivery] = await deliver(depsFor(store), { envelope, message, received });
  assert.equal(delivery?.kind, "stored");
  const [listed] = await allMail(store, idOf(READER), [bob]);
  assert(listed);
  const body = await storedBody(store, idOf(READER), listed.id);
  assert(body);
  return { ...listed, body };
}

/** All that the database holds of the mailbox. */
async function rowsOf(store: Store): Promise<string> {
  const rows: readonly object[] = [
    ...(await store.db.selectFrom("spool").selectAll().execute()),
    ...(await store.db.selectFrom("mailbox_messages").selectAll().execute()),
    ...(await store.db.selectFrom("blobs").selectAll().execute()),
    ...(await store.db.selectFrom("blob_pieces").selectAll().execute()),
  ];
  return rows
    .flatMap((row): unknown[] => Object.values(row))
    .map((value) =>
      Buffer.from(value instanceof Uint8Array ? value : String(value)).toString("latin1"),
    )
    .join("\n");
}

for (const { engine, open } of engines()) {
  for (const [shape, message, state] of SHAPES) {
    test(`${engine}: a sealed message with ${shape} lies nowhere in clear and is ${state}`, async () => {
      await using store = await open();
      const stored = await delivered(store, message);
      assert.equal(stored.verdict.state, state);
      const rows = await rowsOf(store);
      assert(!rows.includes(CANARY));
      assert(!rows.includes("-----BEGIN PGP MESSAGE-----"));
      assert(!rows.includes("Subject:"));
      if (stored.form === "wrapped") return;
      const received = await receivedForm({ ...stored, keys: [bob] });
      assert(received.kind === "received");
      assert(Buffer.from(received.message).toString("latin1").endsWith(message.toString("latin1")));
    });
  }
}

test("sealed mail is given back octet for octet, but for what was put on top", async () => {
  const [first] = engines();
  assert(first);
  await using store = await first.open();
  const around = Buffer.from(
    `${TEXT.replace(`\r\n\r\n--${boundary}`, `\r\n\r\nThis is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n--${boundary}`)}epilogue \r\n\r\n`,
    "latin1",
  );
  const stored = await delivered(store, around);
  assert.equal(stored.form, "sealed");
  const received = await receivedForm({ ...stored, keys: [bob] });
  assert(received.kind === "received");
  const text = Buffer.from(received.message).toString("latin1");
  assert.match(
    text.slice(0, -around.length),
    /^Return-Path: .*\r\nReceived: (?:.|\r\n )*\r\nMessage-ID: <\w+@mx\.beta\.test>\r\n$/,
  );
  assert.equal(text.slice(-around.length), around.toString("latin1"));
  assert.equal((await openMessage({ message: received.message, keys: [bob] })).kind, "opened");
  const closed = await receivedForm({ ...stored, keys: [alice] });
  assert.equal(closed.kind, "no-key");
});

test("the ciphertext is stored once, as received, and only the rest is wrapped", () => {
  const { around, ciphertext } = takeApart(SEALED);
  const digits = Buffer.from(ciphertext).toString("latin1");
  assert.match(digits, /^[A-Za-z0-9+/=\r\n]+$/);
  assert(digits.length > 500);
  assert(!Buffer.from(around).includes(digits.slice(0, 64)));
});

test("whatever came is put together again octet for octet, and holds no text apart", async () => {
  const random = seededRandom(44);
  const inputs = [SEALED, ...SHAPES.map(([, message]) => message)];
  for (let round = 0; round < 3000; round += 1) {
    const message = mutate(random, inputs[round % inputs.length] ?? SEALED, inputs);
    const apart = takeApart(message);
    assert(Buffer.from(await putTogether(apart)).equals(message), String(round));
    assert(!Buffer.from(apart.ciphertext).includes(CANARY), String(round));
  }
});
