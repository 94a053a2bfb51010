/**
 * Every parser that strangers reach is given broken input. Each must come back within a second with its answer or with
 * an `AppError`; anything else, and any answer better than the evidence, is a failure that names seed and number.
 */
import assert from "node:assert/strict";
import { AppError } from "../../src/base/errors.ts";
import { after, DAY, fromUnixMs, SECOND } from "../../src/base/time.ts";
import { readReply } from "../../src/dns/message.ts";
import { parseQuery } from "../../src/keyserver/query.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { decodedText, parseHeader } from "../../src/mail/header.ts";
import { readMessageFacts } from "../../src/mail/mail.ts";
import { bodyText, decodeBody, type Entity } from "../../src/mail/entity.ts";
import { scanMime } from "../../src/mail/mime.ts";
import { acceptForEncryption } from "../../src/openpgp/certificates/acceptance.ts";
import { parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import type { KeyProfile } from "../../src/openpgp/certificates/profile.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { readerView } from "../../src/pgpmime/reader-view.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { armoredText } from "../support/armored-text.ts";
import { cpuStopwatch } from "../support/cpu-time.ts";
import { LARGE_INPUTS } from "../support/large-input.ts";
import { mutate, seededRandom } from "../support/mutate.ts";

/** How long one input may keep us. */
const LIMIT_MS = SECOND;
const MAX_RUNS = 3;
const NOW = fromUnixMs(1_795_000_000_000);
const CLEAR = Buffer.from(
  [
    "From: =?utf-8?Q?J=C3=BCrgen?= <alice@alpha.test>",
    'To: bob@beta.test, group: a@b.test, "q,uoted"@c.test;',
    "Date: Mon, 23 Nov 2026 10:00:00 +0000",
    "Subject: =?utf-8?B?R3LDvMOfZQ==?= and more",
    "Message-ID: <1@alpha.test>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="outer"',
    "",
    "--outer",
    'Content-Type: multipart/alternative; boundary="inner"',
    "",
    "--inner",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Gr=C3=BC=C3=9Fe",
    "--inner",
    "Content-Type: text/html; charset*=utf-8''utf-8",
    "",
    "<p>Hello</p>",
    "--inner--",
    "--outer",
    "Content-Type: message/rfc822",
    "",
    "Subject: inside",
    "",
    "forwarded",
    "--outer",
    "Content-Type: application/pdf; name*0*=utf-8''a%20; name*1=b.pdf",
    "Content-Transfer-Encoding: base64",
    "",
    "AAECAwQFBgcICQ==",
    "--outer--",
    "",
  ].join("\r\n"),
);
const DNS_REPLY = Buffer.from(
  "123485a00001000100000001045f686b70045f7463700462657461047465737400002100010" +
    "45f686b70045f7463700462657461047465737400002100010000003c0016000a003c01bb04" +
    "6b657973046265746104746573740000002904d0000080000000",
  "hex",
);
const QUERY = Buffer.from("op=get&options=mr&exact=on&search=Ada.Quill%20news%40post.example");

type Target = {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
  readonly take: (bytes: Uint8Array) => Promise<void> | void;
};

/** Gives `count` broken inputs to the parsers in turn; the slowest answer in milliseconds comes back. */
export async function proveMutations(count: number, seed = 20_261_123): Promise<number> {
  const targets = await makeTargets();
  const random = seededRandom(seed);
  const others = targets.flatMap(({ inputs }) => inputs);
  let slowestMs = 0;
  for (let number = 0; number < count; number += 1) {
    const target = targets[number % targets.length];
    const input = target?.inputs[Math.floor(random() * target.inputs.length)];
    if (target === undefined || input === undefined) continue;
    const broken = mutate(random, input, others);
    const elapsed = cpuStopwatch();
    try {
      await target.take(broken);
    } catch (error) {
      const where = `${target.name}, seed ${String(seed)}, input ${String(number)}`;
      if (error instanceof assert.AssertionError) error.message = `${where}: ${error.message}`;
      assert(error instanceof AppError, error instanceof assert.AssertionError ? error : where);
    }
    const tookMs = elapsed();
    slowestMs = Math.max(slowestMs, tookMs);
    assert(tookMs < LIMIT_MS, `${target.name}: input ${String(number)} took ${String(tookMs)} ms`);
  }
  return slowestMs;
}

/** Gives each of the large structures to what reads a message; the slowest step in milliseconds comes back. */
export function proveLargeInputs(): number {
  let slowestMs = 0;
  for (const { name, bytes } of LARGE_INPUTS) {
    const message = bytes();
    const { header } = parseHeader(message);
    const steps: Readonly<Record<string, () => unknown>> = {
      header: () => readMessageFacts(parseHeader(message).header),
      protection: () => detectProtection(message),
      structure: () => scanMime(message),
      view: () => readerView(header, message),
    };
    for (const [step, run] of Object.entries(steps)) {
      const tookMs = leastMs(() => {
        try {
          run();
        } catch (error) {
          assert(error instanceof AppError, `${name}: ${step}`);
        }
      });
      slowestMs = Math.max(slowestMs, tookMs);
      assert(tookMs < LIMIT_MS, `${name}: ${step} took ${String(tookMs)} ms`);
    }
  }
  return slowestMs;
}

/** Processor time of the quickest of a few runs: on a loaded machine one run may take twice what the work costs. */
function leastMs(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < MAX_RUNS && least > LIMIT_MS / 2; turn += 1) {
    const elapsed = cpuStopwatch();
    work();
    least = Math.min(least, elapsed());
  }
  return least;
}

async function makeTargets(): Promise<readonly Target[]> {
  const keys = await Promise.all([
    newKey("alice@alpha.test", "compat"),
    newKey("bob@beta.test", "compat"),
    newKey("vera@beta.test", "modern"),
  ]);
  const [alice, bob, vera] = keys;
  const sealed = await Promise.all(
    [bob, vera].map(async ({ certificate, fingerprint }) =>
      seal({
        message: CLEAR,
        signer: alice,
        recipients: [certificate],
        intended: [fingerprint],
        now: NOW,
      }),
    ),
  );
  const certificates = keys.map(({ certificate }) => certificate);
  return [
    { name: "MIME", inputs: [CLEAR, ...sealed], take: readMime },
    {
      name: "sealed message",
      inputs: sealed,
      take: async (bytes) => openMutated(bytes, [bob, vera], alice),
    },
    {
      name: "certificate",
      inputs: certificates.flatMap((one) => [one.bytes, Buffer.from(armoredText(one))]),
      take: readCertificate,
    },
    { name: "DNS", inputs: [DNS_REPLY], take: (bytes) => void readDns(bytes) },
    { name: "HKP", inputs: [QUERY], take: (bytes) => void parseQuery(text(bytes)) },
    {
      name: "address",
      inputs: [Buffer.from('"a b"@xn--bcher-kva.example'), Buffer.from("jürgen+x@bücher.example")],
      take: (bytes) => void parseAddress(text(bytes)),
    },
  ];
}

async function newKey(textual: string, profile: KeyProfile): Promise<UnlockedKey> {
  const address = parseAddress(textual);
  assert(address !== undefined);
  const made = await generateKey({ address, profile, now: after(NOW, -30 * DAY) });
  return readSecretKey(made.secretKey);
}

function readMime(bytes: Uint8Array): void {
  const { header } = parseHeader(bytes);
  readMessageFacts(header);
  for (const field of header) decodedText(field);
  detectProtection(bytes);
  readLeaves(bytes, scanMime(bytes));
  readLeaves(bytes, scanMime(readerView(header, bytes)));
}

function readLeaves(bytes: Uint8Array, entity: Entity): void {
  if (entity.end > bytes.length) return;
  decodeBody(bytes, entity);
  bodyText(bytes, entity);
  for (const part of entity.parts) readLeaves(bytes, part);
}

/** However the message was changed: what opens and verifies is what alice signed, or it does not verify. */
async function openMutated(
  bytes: Uint8Array,
  keys: readonly UnlockedKey[],
  alice: UnlockedKey,
): Promise<void> {
  const opened = await open({ message: bytes, keys });
  if (opened.kind !== "opened") return;
  const whole = Buffer.from(opened.payload).toString("latin1");
  assert(whole.includes("forwarded"), "something else came out of the ciphertext");
  for (const signature of opened.signatures) {
    const { certificate } = alice;
    await verifySignature({ data: opened.payload, signature, certificate, now: NOW });
  }
  readerView(parseHeader(bytes).header, opened.payload);
}

/** A changed certificate is refused, or it is still bound to its own address by its own key. */
async function readCertificate(bytes: Uint8Array): Promise<void> {
  const parsed = await parseCertificates(bytes);
  if (parsed.kind !== "parsed") return;
  const stranger = parseAddress("mallory@beta.test");
  assert(stranger !== undefined);
  for (const certificate of parsed.certificates) {
    const accepted = await acceptForEncryption(certificate, stranger, NOW);
    assert.equal(accepted.kind, "unusable", "a changed certificate fits a stranger's address");
  }
}

function readDns(bytes: Uint8Array): unknown {
  return readReply(bytes, 0x1234, "_hkp._tcp.beta.test", "SRV");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
