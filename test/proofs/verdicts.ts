/**
 * Nobody gets a better verdict by changing a message, and under a good verdict people see what its signer signed. Two
 * attacks: a stranger changes what a peer sent, or seals a peer's signed text again; and a user of the same domain signs
 * headers that other programs read in other ways. Each message goes from its arrival to what `mail show` prints.
 */
import assert from "node:assert/strict";
import { armorSignature } from "../support/signatures.ts";
import { textOf } from "../../src/cli/mail-text.ts";
import type { ShownMail } from "../../src/incoming/reading.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { displayMailboxes } from "../../src/mail/display-mailbox.ts";
import { fieldBody, firstField, parseHeader } from "../../src/mail/header.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest, signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { container, seal } from "../../src/pgpmime/seal.ts";
import { DISPLAYED } from "../../src/pgpmime/shown-header.ts";
import { mutate, seededRandom, type Random } from "../support/mutate.ts";
import { expectDecrypted, NOW, ownKey } from "../support/openpgp-messages.ts";
import { openReadingWorld, type ReadingWorld } from "../support/reading-world.ts";

const READER = "bob@beta.test";
const DATE = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}`;
const FIELDS = [
  "From: Alice <alice@alpha.test>",
  `To: ${READER}`,
  "Cc: carol@alpha.test",
  DATE,
  "Subject: Lunch at noon",
  "Message-ID: <1@alpha.test>",
];
const OUTER = [...FIELDS.slice(0, 4), "Subject: ...", "Message-ID: <1@alpha.test>"];
const TEXT = "Yes, please do it.\r\nAlice\r\n";
const ENCRYPTED = ["CONFIDENTIAL", "CONFIDENTIAL_BODY", "ENCRYPTED_UNVERIFIED"];
const CLEAR = ["VERIFIED", "VERIFIED_BODY", "UNPROTECTED"];
const GOOD = ["CONFIDENTIAL", "CONFIDENTIAL_BODY", "VERIFIED", "VERIFIED_BODY"];

type Original = {
  readonly name: string;
  readonly message: Buffer;
  /** The octets that alice signed, if she did. */
  readonly payload: Buffer | undefined;
  readonly isSigned: boolean;
};
type Keys = {
  readonly alice: UnlockedKey;
  readonly mallory: UnlockedKey;
  readonly bob: UnlockedKey;
};

/** @throws AssertionError that names the seed's number. @returns how many messages got which state. */
export async function proveVerdicts(o: {
  readonly mutations: number;
  readonly headers: number;
  readonly seed?: number;
}): Promise<ReadonlyMap<string, number>> {
  const [alice, mallory, bob] = await Promise.all([
    ownKey("alice@alpha.test", "compat"),
    ownKey("mallory@alpha.test", "compat"),
    ownKey(READER, "compat"),
  ]);
  const keys = { alice, mallory, bob };
  const reader = parseAddress(READER);
  assert(reader !== undefined);
  const authors = new Map([
    ["alice@alpha.test", alice],
    ["mallory@alpha.test", mallory],
  ]);
  await using world = await openReadingWorld({ reader, readersKey: bob, authors, now: NOW });
  const random = seededRandom(o.seed ?? 7);
  const counts = new Map<string, number>();
  const count = (shown: ShownMail | undefined) => {
    const state = shown?.state ?? "refused";
    counts.set(state, (counts.get(state) ?? 0) + 1);
  };
  const originals = await makeOriginals(keys);
  const expected = new Map<Original, ShownMail>();
  for (const original of originals) {
    const shown = await world.arrive(original.message);
    assert(shown !== undefined, original.name);
    expected.set(original, shown);
  }
  for (let number = 0; number < o.mutations; number += 1) {
    const original = originals[number % originals.length];
    const before = original && expected.get(original);
    assert(original !== undefined && before !== undefined);
    const changed = await change(random, original, originals, bob);
    count(await checkChanged(world, changed, original, before, `mutation ${number}`));
  }
  for (let number = 0; number < o.headers; number += 1) {
    count(await checkHeader(world, random, keys, `header ${number}`));
  }
  return counts;
}

async function makeOriginals({ alice, bob }: Keys): Promise<readonly Original[]> {
  const entity = (type: string, fields: readonly string[]) =>
    Buffer.from(
      [`Content-Type: text/plain; charset=utf-8${type}`, ...fields, "", TEXT].join("\r\n"),
    );
  const cipher = entity('; hp="cipher"', FIELDS);
  const v1 = entity('; protected-headers="v1"', FIELDS);
  const bare = entity("", []);
  const sealed = async (name: string, payload: Buffer, intended: readonly UnlockedKey[]) => ({
    name,
    payload,
    isSigned: true,
    message: await sealedBy(alice, bob, payload, intended),
  });
  const own = await seal({
    message: Buffer.from([...FIELDS, "", TEXT].join("\r\n")),
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
  const inner = await signedBy(alice, bob, [], cipher);
  return [
    { name: "our own", payload: undefined, isSigned: true, message: Buffer.from(own) },
    await sealed("RFC 9788, no intended recipient", cipher, []),
    await sealed("text alone", bare, []),
    await sealed("v1", v1, [bob]),
    await sealed("v1, no intended recipient", v1, []),
    {
      name: "signed part within",
      payload: cipher,
      isSigned: true,
      message: await encryptedFor(bob, inner),
    },
    {
      name: "not signed",
      payload: cipher,
      isSigned: false,
      message: await encryptedFor(bob, cipher),
    },
    await clear("clear", alice, bob, entity('; hp="clear"', FIELDS)),
    await clear("clear, v1", alice, bob, v1),
    await clear("clear, text alone", alice, bob, bare),
  ];
}

async function clear(
  name: string,
  alice: UnlockedKey,
  bob: UnlockedKey,
  payload: Buffer,
): Promise<Original> {
  const message = await signedBy(alice, bob, FIELDS, payload);
  return { name, payload, isSigned: true, message };
}

async function sealedBy(
  signer: UnlockedKey,
  bob: UnlockedKey,
  data: Uint8Array,
  intended: readonly UnlockedKey[],
  outer: readonly string[] = OUTER,
): Promise<Buffer> {
  const ciphertext = await signAndEncrypt({
    data,
    signer,
    recipients: [bob.certificate],
    intended: intended.map(({ fingerprint }) => fingerprint),
    now: NOW,
  });
  return Buffer.from(container(headerOf(outer), ciphertext));
}

async function encryptedFor(bob: UnlockedKey, data: Uint8Array): Promise<Buffer> {
  const ciphertext = await encryptAtRest({ data, recipients: [bob.certificate], now: NOW });
  return Buffer.from(container(headerOf(OUTER), ciphertext));
}

function headerOf(lines: readonly string[]) {
  return parseHeader(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`)).header;
}

/** A multipart/signed over the payload. The signature is taken out of a sealed message. */
async function signedBy(
  signer: UnlockedKey,
  bob: UnlockedKey,
  outer: readonly string[],
  payload: Buffer,
): Promise<Buffer> {
  const message = await sealedBy(signer, bob, payload, []);
  const found = detectProtection(message);
  assert(found.kind === "sealed");
  const opened = expectDecrypted(await decrypt({ message: found.ciphertext, keys: [bob] }));
  const signature = armorSignature(packet(2, opened.signatures[0]?.packet ?? new Uint8Array()));
  return Buffer.concat([
    Buffer.from(
      [
        ...outer,
        "MIME-Version: 1.0",
        'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b"',
        "",
        "--b",
        "",
      ].join("\r\n"),
    ),
    payload,
    Buffer.from("\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"),
    signature,
    Buffer.from("\r\n--b--\r\n"),
  ]);
}

/** The message changed on its way; or its inside changed, with the signature as it was, and sealed to bob again. */
async function change(
  random: Random,
  original: Original,
  originals: readonly Original[],
  bob: UnlockedKey,
): Promise<Buffer> {
  const others = originals.map(({ message }) => message);
  const kind = Math.floor(random() * 4);
  if (kind === 0) return withNastyLine(random, original.message);
  if (kind > 1 || original.payload === undefined) return mutate(random, original.message, others);
  const found = detectProtection(original.message);
  if (found.kind !== "sealed") return mutate(random, original.message, others);
  const { data } = expectDecrypted(await decrypt({ message: found.ciphertext, keys: [bob] }));
  const inside = originals.flatMap(({ payload }) => payload ?? []);
  return encryptedFor(bob, mutate(random, data, inside));
}

const NASTY = [
  "From: Boss <boss@alpha.test>",
  "From : boss@alpha.test",
  "from:boss@alpha.test",
  "FROM: mallory@alpha.test",
  "Subject: Pay Mallory",
  "Subject : Pay Mallory",
  "Reply-To: mallory@evil.test",
  "To: mallory@alpha.test",
  "Cc: board@alpha.test",
  "Date: Mon, 01 Jan 2001 00:00:00 +0000",
  "Content-Type: text/html",
  'Content-Type: text/plain; hp="clear"',
  'Content-Type: text/plain; hp="cipher"',
  'Content-Type: multipart/mixed; boundary="b"',
  "Content-Transfer-Encoding: base64",
  "HP-Outer: Subject: x",
  "E2E-Status: v=1; state=CONFIDENTIAL",
  "X-A: a\rFrom: boss@alpha.test",
  "X-A: a\nFrom: boss@alpha.test",
  "X-A: a\0",
  " folded",
  "\tFrom: boss@alpha.test",
  " ",
  "no field at all",
  ": empty name",
  "\u00a0From: boss@alpha.test",
  "From\u200b: boss@alpha.test",
  "Fr\u043em: boss@alpha.test",
  "",
  "--b",
] as const;

function nastyLine(random: Random): string {
  return NASTY[Math.floor(random() * NASTY.length)] ?? "";
}

function withNastyLine(random: Random, message: Buffer): Buffer {
  const lines = message.toString("latin1").split("\r\n");
  const end = lines.indexOf("");
  const at = Math.floor(random() * (end + 1));
  const line = Buffer.from(nastyLine(random)).toString("latin1");
  return Buffer.from(lines.toSpliced(at, random() < 0.3 ? 1 : 0, line).join("\r\n"), "latin1");
}

async function checkChanged(
  world: ReadingWorld,
  changed: Buffer,
  original: Original,
  before: ShownMail,
  what: string,
): Promise<ShownMail | undefined> {
  const shown = await world.arrive(changed);
  if (shown === undefined) return undefined;
  const name = `${what} of "${original.name}": ${before.state} became ${shown.state}\n${changed.toString("latin1")}`;
  assert(isNoBetter(shown.state, before.state), name);
  if (GOOD.includes(shown.state)) {
    assert.equal(shown.signer, "alice@alpha.test", name);
    assert.deepEqual(partsOf(shown), partsOf(before), name);
    assert.deepEqual(Buffer.from(shown.raw), Buffer.from(before.raw), name);
    checkSignedFields(shown, name);
  }
  return shown;
}

/** In the order of each kind; what is encrypted and what is clear are not compared, and clear mail stays clear. */
function isNoBetter(after: string, before: string): boolean {
  const order = ENCRYPTED.includes(before) ? ENCRYPTED : CLEAR;
  const rank = order.indexOf(after);
  if (rank !== -1) return rank >= order.indexOf(before);
  if (order === CLEAR) return !ENCRYPTED.includes(after);
  return after === "UNPROTECTED" || !GOOD.includes(after);
}

function partsOf({ parts }: ShownMail): readonly string[] {
  return parts.map(({ contentType, sha256 }) => `${contentType} ${sha256}`);
}

/** What is shown of the header is alice's own, or is named as not signed; and no other program reads another author. */
function checkSignedFields(shown: ShownMail, name: string): void {
  const { header } = parseHeader(shown.message);
  const signed = headerOf(FIELDS);
  for (const field of DISPLAYED) {
    const own = firstField(header, field);
    if (own === undefined || shown.unsigned.includes(field)) continue;
    const genuine = firstField(signed, field);
    assert(genuine !== undefined, `${field} is shown as signed\n${name}`);
    assert.equal(fieldBody(own), fieldBody(genuine), name);
  }
  checkAuthors(shown, name);
}

function checkAuthors(shown: ShownMail, name: string): void {
  const text = Buffer.from(shown.message).toString("latin1");
  const head = text.slice(0, text.indexOf("\r\n\r\n") + 2);
  // A folded field is one line to everybody (RFC 5322 §2.2.3); what is a line to some alone counts as one.
  const lines = head.replaceAll(/\r\n(?=[ \t])/g, "").split(/\r\n|\r|\n|\0/);
  const authors = lines.filter((line) => /^from\s*:/i.test(line));
  assert.equal(authors.length, 1, name);
  const [author = ""] = authors;
  assert(shown.signer !== undefined, name);
  // The case of letters makes no other author.
  const signer = shown.signer.toLowerCase();
  assert(author.toLowerCase().includes(signer), name);
  const from = shown.from.toLowerCase();
  assert(from === signer || from.endsWith(`<${signer}>`), name);
  assert.doesNotMatch(head, /\r\n[ \t]+\r\n|\r(?!\n)|(?<!\r)\n|\0/, name);
  const printed = textOf(shown, { custody: "unlocks-at-login" }).filter((line) =>
    /^ {2}From: /.test(line),
  );
  const field = firstField(parseHeader(shown.message).header, "From");
  assert(field !== undefined, name);
  assert.equal(printed[0]?.endsWith(displayMailboxes(field)), true, name);
}

/** Mallory signs a header of her choice, under any outer header; good or not, nobody but mallory is its author. */
async function checkHeader(
  world: ReadingWorld,
  random: Random,
  keys: Keys,
  what: string,
): Promise<ShownMail | undefined> {
  const payload = nastyPayload(random);
  const shown = await world.arrive(await signedByMallory(random, keys, payload));
  assert(shown !== undefined);
  const name = `${what}: ${shown.state}\n${JSON.stringify(payload.toString())}`;
  if (!GOOD.includes(shown.state)) {
    assert(shown.signer === undefined || shown.warnings.includes("NOT_ADDRESSED"), name);
    return shown;
  }
  assert.equal(shown.signer, "mallory@alpha.test", name);
  checkAuthors(shown, name);
  const unfolded = payload.toString().replace(/\r\n(?=[ \t])/g, "");
  for (const field of DISPLAYED) {
    const own = firstField(parseHeader(shown.message).header, field);
    if (own === undefined || shown.unsigned.includes(field)) continue;
    assert(unfolded.includes(fieldBody(own)), `${field} is shown as signed\n${name}`);
  }
  return shown;
}

function pick<Value>(random: Random, values: readonly [Value, ...Value[]]): Value {
  return values[Math.floor(random() * values.length)] ?? values[0];
}

function nastyPayload(random: Random): Buffer {
  const marks = ["", '; hp="cipher"', '; hp="clear"', '; protected-headers="v1"'] as const;
  const lines = ["From: mallory@alpha.test", `To: ${READER}`, DATE].filter(() => random() < 0.8);
  lines.push(`Content-Type: text/plain${pick(random, marks)}`);
  for (let more = Math.floor(random() * 4); more > 0; more -= 1) {
    lines.splice(Math.floor(random() * (lines.length + 1)), 0, nastyLine(random));
  }
  return Buffer.from([...lines, "", TEXT].join("\r\n"));
}

async function signedByMallory(
  random: Random,
  { mallory, bob }: Keys,
  payload: Buffer,
): Promise<Buffer> {
  const boss = "Boss <boss@alpha.test>";
  const author = pick(random, [boss, "mallory@alpha.test", "Boss <mallory@alpha.test>"]);
  const outer = [`From: ${author}`, `To: ${READER}`, DATE, "Subject: Transfer"];
  const intended = random() < 0.5 ? [bob] : [];
  return random() < 0.8
    ? sealedBy(mallory, bob, payload, intended, outer)
    : signedBy(mallory, bob, outer, payload);
}
