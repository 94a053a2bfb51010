/** Small inputs about keys and protocols that lie beside the checkout, where there are some; never part of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { makePki, type Pki } from "../../lab/pki.ts";
import { readerOf, isServed } from "../../src/accounts/postmaster.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { answerReader } from "../../src/incoming/incoming.ts";
import { parseDomain } from "../../src/mail/address.ts";
import { acceptForEncryption } from "../../src/openpgp/certificates/acceptance.ts";
import { type Certificate, parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { importSecretKey } from "../../src/openpgp/imports/import-secret-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { readDetachedSignatures } from "../../src/openpgp/messages/signature-facts.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openStore } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { haveAccounts } from "../support/accounts.ts";
import { asAuthor } from "../support/author-check.ts";
import { GnupgMaker } from "../support/gnupg-made.ts";
import { RawSmtp } from "../support/raw-smtp.ts";
import { publishKey, sendRaw, startTestKeyserver } from "../support/test-keyserver.ts";
import { listen } from "../support/test-listener.ts";
import { readerReply } from "../../src/app/delivery-replies.ts";

const CASES = join(import.meta.dirname, "../../../shared/cases");
const bytesOf = (name: string): Buffer => readFileSync(join(CASES, name));
const textOf = (name: string): string => bytesOf(name).toString("latin1");

const maker = new GnupgMaker();
let dir: string;
let pki: Pki;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-cases-"));
  pki = await makePki(dir);
});
afterAll(async () => {
  await maker[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function certificateIn(bytes: Uint8Array): Promise<Certificate> {
  const parsed = await parseCertificates(bytes);
  const [certificate] = parsed.kind === "parsed" ? parsed.certificates : [];
  assert(certificate, JSON.stringify(parsed));
  return certificate;
}

async function acceptanceOf(bytes: Uint8Array, address: string): Promise<string> {
  const certificate = await certificateIn(bytes);
  const acceptance = await acceptForEncryption(certificate, addressOf(address), systemClock.now());
  return acceptance.kind === "acceptable" ? acceptance.kind : acceptance.reason;
}

/** The first text between single quotes behind a word, with C escapes of octets. */
function quoted(text: string, word: string): Buffer {
  const [, raw = ""] = new RegExp(`${word}[^']*'([^']*)'`).exec(text) ?? [];
  const octets = raw
    .replaceAll("\\n", "")
    .replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
  return Buffer.from(octets, "latin1");
}

async function answersAtMx(commands: readonly string[]): Promise<readonly string[]> {
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  const bob = addressOf("bob@beta.test");
  await haveAccounts(store, bob);
  const domain = parseDomain("beta.test");
  const hostname = parseDomain("mail.beta.test");
  assert(domain && hostname);
  const served = { domains: [domain], hostname, postmaster: bob };
  const deps = {
    isOurs: (address: Parameters<typeof isServed>[1]) => isServed(served, address),
    findAccount: async (address: Parameters<typeof isServed>[1]) =>
      readerOf(store, served, address),
    hasRoom: async () => Promise.resolve(true),
  };
  await using listener = await listen("mx", {
    domain,
    changes: {
      rcpt: async (_client, _envelope, to) => readerReply(await answerReader(deps, to, 0)),
    },
  });
  await using client = await RawSmtp.connect(listener);
  await client.ask("EHLO c.example");
  const answers: string[] = [];
  for (const command of commands) answers.push(await client.ask(command));
  return answers;
}

/** By its file. */
const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  "interop/uid-address-twice.pub.asc": async () => {
    const bytes = bytesOf("interop/uid-address-twice.pub.asc");
    assert.equal(await acceptanceOf(bytes, "bea@beta.test"), "acceptable");
  },
  "interop/uid-address-twice.sec.asc": async () => {
    const bytes = bytesOf("interop/uid-address-twice.sec.asc");
    const given = { bytes, passphrase: undefined, address: addressOf("bea@beta.test") };
    const result = await importSecretKey({ ...given, now: systemClock.now() });
    assert.equal(result.kind, "importable", JSON.stringify(result));
  },
  "field/15-uid-same-address.sh": async () => {
    const userId = quoted(textOf("field/15-uid-same-address.sh"), "--quick-gen-key").toString();
    const { certificate } = await maker.make(userId);
    assert.equal(await acceptanceOf(certificate, "p@alpha.test"), "acceptable");
  },
  "field/16-latin1-passphrase.sh": async () => {
    const octets = quoted(textOf("field/16-latin1-passphrase.sh"), "printf");
    assert(octets.some((octet) => octet >= 0x80));
    const { secretKey } = await maker.make("lat <lat@alpha.test>", { passphrase: octets });
    using passphrase = Secret.fromText(octets.toString("latin1"));
    const address = addressOf("lat@alpha.test");
    const now = systemClock.now();
    const result = await importSecretKey({ bytes: secretKey, passphrase, address, now });
    assert.equal(result.kind, "importable", JSON.stringify(result));
  },
  "field/17-sign-only.sh": async () => {
    const made = await maker.make("<bob@beta.test>", { encryption: "none" });
    const { stdout } = await made.gnupg.gpg(["--armor", "--detach-sign"], { input: "text" });
    const signatures = readDetachedSignatures(stdout);
    assert(signatures);
    const published = await certificateIn(made.certificate);
    const { signature, recipient } = await asAuthor(published, Buffer.from("text"), signatures);
    assert.deepEqual([signature, recipient], ["verified", "no-encryption-key"]);
  },
  "field/18-absolute-form.http": async () => {
    const request = textOf("field/18-absolute-form.http").replaceAll(/\r?\n/g, "\r\n");
    const names = ["keys.alpha.test", "keys.beta.test"];
    await using server = await startTestKeyserver(await pki.issue(names), {
      domains: ["beta.test"],
    });
    await publishKey(server.store, "bob@beta.test");
    const { status, body } = await sendRaw(server, pki, request);
    assert.equal(status, 200);
    assert.match(body, /BEGIN PGP PUBLIC KEY BLOCK/);
  },
  "interop/smtp-unannounced-parameter.txt": async () => {
    const text = textOf("interop/smtp-unannounced-parameter.txt");
    const commands = [...text.matchAll(/MAIL FROM:<[^>]*>(?: [A-Z]+=\S+)+/g)].map(([all]) => all);
    const recipients = [...text.matchAll(/RCPT TO:<[^>]*>(?: [A-Z]+=\S+)+/g)].map(([all]) => all);
    assert(commands.length >= 2 && recipients.length > 0);
    const plain = "MAIL FROM:<x@legacy.test>";
    const [...answers] = await answersAtMx([...commands, plain, ...recipients]);
    const [taken] = answers.splice(commands.length, 1);
    assert.match(taken ?? "", /^250/);
    for (const answer of answers) assert.match(answer, /^555 5\.5\.4/);
  },
  "interop/smtp-postmaster.txt": async () => {
    const text = textOf("interop/smtp-postmaster.txt");
    const commands = [...text.matchAll(/RCPT TO:<[^>]*>/g)].map(([all]) => all);
    assert(commands.length >= 2);
    const answers = await answersAtMx(["MAIL FROM:<x@legacy.test>", ...commands]);
    for (const answer of answers) assert.match(answer, /^250/);
  },
  "fuzz/dot.txt": async () => {
    const lines = textOf("fuzz/dot.txt").match(/^ {4}\S.*$/gm) ?? [];
    assert(lines.length >= 3);
    await using listener = await listen("mx");
    await using client = await RawSmtp.connect(listener);
    const start = ["EHLO c.test", "MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>", "DATA"];
    assert.match(await client.all(start), /^354/);
    client.write(lines.map((each) => `${each.trim()}\r\n`).join(""));
    assert.match(await client.reply(), /^250/);
    assert.equal(listener.taken[0]?.text, "a\r\nb\r\n");
  },
  "fuzz/revocation-appended.pub": async () => {
    const bytes = bytesOf("fuzz/revocation-appended.pub");
    assert.equal(await acceptanceOf(bytes, "p4@k.test"), "revoked");
  },
  "fuzz/revocation-appended.asc": async () => {
    const bytes = bytesOf("fuzz/revocation-appended.asc");
    assert.equal(await acceptanceOf(bytes, "p4@k.test"), "revoked");
  },
  "fuzz/revocation-sha224-jrsa.pub": async () => {
    const bytes = bytesOf("fuzz/revocation-sha224-jrsa.pub");
    assert.equal(await acceptanceOf(bytes, "jrsa@k.test"), "revoked");
  },
  "fuzz/ed448-sha256.sig": async () => {
    const certificate = await certificateIn(bytesOf("fuzz/ed448-sha256.pub"));
    const [signature] = readDetachedSignatures(bytesOf("fuzz/ed448-sha256.sig")) ?? [];
    assert(signature);
    const data = Buffer.from("text");
    const now = systemClock.now();
    const check = await verifySignature({ data, signature, certificate, now });
    assert.equal(check.kind, "invalid");
  },
};

test("the inputs about keys and protocols beside the checkout, if there are some, come to what they must", async (t) => {
  const there = Object.entries(CHECKS).filter(([name]) => existsSync(join(CASES, name)));
  const failed: string[] = [];
  for (const [name, check] of there) {
    try {
      await check();
    } catch (error) {
      failed.push(`${name}: ${String(error)}`);
    }
  }
  const of = Object.keys(CHECKS).length;
  t.diagnostic(
    `${there.length - failed.length} passed, ${failed.length} failed, ${of - there.length} not there, of ${of}`,
  );
  assert.deepEqual(failed, []);
});
