/**
 * Small inputs that lie beside the checkout, where there is such a folder: mail, armor and keys that an earlier version got
 * wrong. Each has a check here, or in one of the two tests of cases beside this one.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { Secret } from "../../src/base/secret.ts";
import { acceptForEncryption } from "../../src/openpgp/certificates/acceptance.ts";
import { armorKey } from "../../src/openpgp/packets/armor.ts";
import { readArmoredBlocks } from "../../src/openpgp/packets/armored-blocks.ts";
import { parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import { importSecretKey } from "../../src/openpgp/imports/import-secret-key.ts";
import { readContent } from "../../src/openpgp/messages/message-grammar.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { readDetachedSignatures } from "../../src/openpgp/messages/signature-facts.ts";
import { makePayload } from "../../src/pgpmime/payload.ts";
import { bodyText } from "../../src/mail/entity.ts";
import { scanMime } from "../../src/mail/mime.ts";
import { addressOf } from "../support/address.ts";
import {
  cast,
  type Cast,
  HEAD,
  outcomeOf,
  pgpMime,
  signedTo,
  withText,
} from "../support/form-fixtures.ts";
import { after, DAY } from "../../src/base/time.ts";
import { NOW } from "../support/openpgp-messages.ts";
import { openReadingWorld } from "../support/reading-world.ts";

/** A folder of inputs beside the checkout, where there is one; never part of it. */
const CASES = join(import.meta.dirname, "../../../shared/cases");
const PAYLOAD = "Content-Type: text/plain; charset=utf-8\n\nGruesse\n";
const PART = "UNPROTECTED ENCRYPTED_PART";
const APART = "UNPROTECTED OPENED_APART";

let people: Cast;
/** What GnuPG makes of the payload for the reader. */
let armor: string;

before(async () => {
  people = await cast("bob@beta.test", "erin@gnupg.test");
  armor = encrypted();
});
afterAll(() => {
  people[Symbol.dispose]();
});

function encrypted(...args: readonly string[]): string {
  const to = ["--armor", "--encrypt", "--recipient", people.bob.fingerprint];
  return people.gpg.run([...args, ...to], Buffer.from(PAYLOAD)).toString("latin1");
}

const read = (name: string): Buffer => readFileSync(join(CASES, name));
const mail = (name: string): string =>
  read(name)
    .toString("utf8")
    .replace("{{ARMOR}}", () => armor.trimEnd());

/** The whole message opens with all its checks. */
const opens = (name: string) => async () => {
  assert.equal(withText(await people.arrive(mail(name)), "Gruesse"), "ENCRYPTED_UNVERIFIED");
};

/** The message says that a part is encrypted, and the part opens apart. */
const opensApart = (name: string) => async () => {
  await partOpens(mail(name));
};

async function partOpens(message: string): Promise<void> {
  assert.equal(outcomeOf(await people.arrive(message)), PART);
  assert.equal(withText(await people.arrive(message, true), "Gruesse"), APART);
}

const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  "field/01-version-part-empty.eml": opens("field/01-version-part-empty.eml"),
  "field/02-version-two-lines.eml": opens("field/02-version-two-lines.eml"),
  "field/03-list-footer.eml": opensApart("field/03-list-footer.eml"),
  "field/04-third-part.eml": opensApart("field/04-third-part.eml"),
  "field/05-second-part-type.eml": async () => {
    const message = mail("field/05-second-part-type.eml");
    for (const type of ["application/pgp", "application/pgp-encrypted", "text/plain"]) {
      await partOpens(message.replace("application/pgp;", `${type};`));
    }
  },
  "field/06-protected-headers-v1.txt": async () => {
    const text = read("field/06-protected-headers-v1.txt").toString();
    const payload = text.slice(0, text.indexOf("(outer")).replaceAll("\n", "\r\n");
    const head = HEAD.replace("alice@alpha.test", "erin@gnupg.test").replace("Form", "...");
    const shown = await people.arrive(pgpMime(await signedTo(people, payload), { head }));
    assert.equal(shown.subject, "The real subject");
    assert.match(shown.state, /^CONFIDENTIAL(?:_BODY)?$/);
    assert.deepEqual(shown.warnings, []);
  },
  "field/07-payload-no-mime.txt": async () => {
    const text = read("field/07-payload-no-mime.txt").toString();
    for (const payload of [text, text.split("\n").slice(0, 1).join("\n"), "Reminder: call me"]) {
      const shown = await people.arrive(pgpMime(await signedTo(people, payload)));
      const said = shown.parts[0]?.text?.replaceAll("\r\n", "\n");
      assert.equal(said, payload);
    }
  },
  "field/08-no-charset.eml": async () => {
    const shown = await people.arrive(mail("field/08-no-charset.eml"));
    assert.equal(shown.parts[0]?.text?.trim(), "K\u00e4se");
  },
  "field/09-umlaut-subject-ascii-body.eml": async () => {
    const message = mail("field/09-umlaut-subject-ascii-body.eml").replaceAll("\n", "\r\n");
    const payload = makePayload(Buffer.from(message));
    const root = scanMime(payload);
    assert.equal(root.contentType.parameters.get("charset"), "utf-8");
    assert.equal(bodyText(payload, root), "Subject: Gr\u00fc\u00dfe\r\n\r\nplain ascii body\r\n");
    return Promise.resolve();
  },
  "field/10-inline.eml": opensApart("field/10-inline.eml"),
  "field/11-skesk-and-pkesk.sh": async () => {
    const message = pgpMime(encrypted("--passphrase", "abc", "--symmetric"));
    assert.equal(withText(await people.arrive(message), "Gruesse"), "ENCRYPTED_UNVERIFIED");
  },
  "field/12-unsupported.sh": async () => {
    const des = await people.arrive(pgpMime(encrypted("--cipher-algo", "3DES")));
    assert.equal(outcomeOf(des), "UNDECRYPTABLE, Triple DES");
    assert.match(des.sentence, /in a form that is not supported/);
    const ocb = packet(20, Buffer.of(1, 9, 2, 12), Buffer.alloc(60, 7));
    const shown = await people.arrive(pgpMime(ocb));
    assert.equal(outcomeOf(shown), "UNDECRYPTABLE, GnuPG's own OCB packet");
  },
  "field/13-armor-version-no-blank.asc.txt": async () => {
    await everywhere((text) => text.replace(/-----\r?\n\r?\n/, "-----\nVersion: BCPG C# v1.6\n"));
  },
  "field/14-bom.sh": async () => {
    await everywhere((text) => `\ufeff${text}`);
  },
  "acceptance/01-gpg-mimemode.eml": async () => {
    const shown = await arriveForReader("acceptance/01-gpg-mimemode.eml");
    assert.equal(shown.state, "ENCRYPTED_UNVERIFIED");
    assert((shown.parts[0]?.text ?? "").length > 0);
  },
  "acceptance/03-clear-inside-encrypted.eml": async () => {
    const shown = await arriveForReader("acceptance/03-clear-inside-encrypted.eml");
    assert.match(shown.state, /^(?:UNPROTECTED|UNDECRYPTABLE)$/);
  },
  "acceptance/04-gpg-bzip2.eml": async () => {
    const shown = await arriveForReader("acceptance/04-gpg-bzip2.eml");
    assert.equal(outcomeOf(shown), "UNDECRYPTABLE, BZip2 compression");
  },
  "interop/literal-mime.ts": literalMime,
  "interop/literal-mime.sh": literalMime,
  "interop/unknown-signature-algorithm.ts": async () => {
    const [ops = "", sig = ""] = [
      ...read("interop/unknown-signature-algorithm.ts")
        .toString()
        .matchAll(/"(c[24][0-9a-f]+)"/g),
    ].map(([, hex]) => hex);
    const inside = Buffer.concat([
      Buffer.from(`${ops}fbfcc82a015e733001`, "hex"),
      packet(11, Buffer.from("b\0\0\0\0\0hi", "latin1")),
      Buffer.from(`${sig}0400630a0006058267d1d9c40000abcd`, "hex"),
    ]);
    const { data, signatures } = await readContent(inside);
    assert.equal(data.toString(), "hi");
    assert.deepEqual(
      signatures.map(({ isAnnounced }) => isAnnounced),
      [false],
    );
  },
  "interop/armor-blank-before-header.asc": async () => {
    const parsed = await parseCertificates(read("interop/armor-blank-before-header.asc"));
    assert.equal(parsed.kind, "parsed");
  },
  "interop/uid-address-twice.pub.asc": async () => {
    const bytes = read("interop/uid-address-twice.pub.asc");
    const address = addressOf("bea@beta.test");
    const now = after(NOW, DAY);
    assert.equal((await importCertificate({ bytes, address, now })).kind, "importable");
  },
  "interop/uid-address-twice.sec.asc": async () => {
    const bytes = read("interop/uid-address-twice.sec.asc");
    const request = { bytes, passphrase: undefined, address: addressOf("bea@beta.test") };
    const taken = await importSecretKey({ ...request, now: after(NOW, DAY) });
    assert.equal(taken.kind, "importable");
  },
  "fuzz/revocation-appended.pub": revoked("fuzz/revocation-appended.pub", "p4@k.test"),
  "fuzz/revocation-appended.asc": revoked("fuzz/revocation-appended.asc", "p4@k.test"),
  "fuzz/revocation-sha224-jrsa.pub": revoked("fuzz/revocation-sha224-jrsa.pub", "jrsa@k.test"),
  "fuzz/ed448-sha256.pub": ed448,
  "fuzz/ed448-sha256.sig": ed448,
};

/** Inputs that tests beside this one read: each names what it reads. */
const BESIDE = ["shared-key-cases.test.ts", "attack-cases.test.ts"].map((file) =>
  readFileSync(join(import.meta.dirname, file), "utf8"),
);
const isReadBeside = (file: string): boolean =>
  BESIDE.some((text) => text.includes(`"${file}": async`));
/** What the inputs are opened with. */
const HELPERS = ["acceptance/open.mjs", "acceptance/reader.sec.asc"];

test("the small inputs beside the checkout, if there are any, become what their lists say", async (t) => {
  if (!existsSync(CASES)) {
    t.diagnostic("no cases beside this checkout: nothing to read");
    return;
  }
  const files = globSync("*/*", { cwd: CASES }).filter((file) => !file.endsWith("README.txt"));
  const known = [...Object.keys(CHECKS), ...HELPERS];
  assert.deepEqual(
    files.filter((file) => !known.includes(file) && !isReadBeside(file)),
    [],
    "inputs without a check",
  );
  const present = Object.entries(CHECKS).filter(([file]) => files.includes(file));
  for (const [file, check] of present) await t.test(file, check);
  const beside = files.filter((file) => !known.includes(file)).length;
  console.log(
    `cases: ${String(present.length)} read here, ${String(beside)} beside, ${String(files.length)} in all`,
  );
});

async function literalMime(): Promise<void> {
  for (const format of ["b", "m"]) {
    const body = Buffer.from(`${format}\0\0\0\0\0Content-Type: text/plain\r\n\r\nhi\r\n`, "latin1");
    const { data } = await readContent(packet(11, body));
    assert.match(data.toString(), /hi\r\n$/);
  }
  const message = pgpMime(encrypted("--rfc4880bis", "--mimemode"));
  assert.equal(withText(await people.arrive(message), "Gruesse"), "ENCRYPTED_UNVERIFIED");
}

/** A form of armor is read in a message, in a key file and in a certificate alike. */
async function everywhere(change: (text: string) => string): Promise<void> {
  const shown = await people.arrive(pgpMime(change(armor)));
  assert.equal(withText(shown, "Gruesse"), "ENCRYPTED_UNVERIFIED");
  const address = addressOf("bob@beta.test");
  const now = NOW;
  using raw = people.bob.secretBytes();
  const text = (kind: "PUBLIC" | "PRIVATE", bytes: Uint8Array): Buffer =>
    Buffer.from(change(Buffer.from(armorKey(kind, bytes)).toString("latin1")));
  const bytes = text("PRIVATE", raw.reveal());
  const taken = await importSecretKey({ bytes, passphrase: undefined, address, now });
  assert.equal(taken.kind, "importable");
  const published = text("PUBLIC", people.bob.certificate.bytes);
  assert.equal((await parseCertificates(published)).kind, "parsed");
}

/** A message for the reader whose key lies beside the inputs. */
async function arriveForReader(name: string) {
  const [block] = readArmoredBlocks(read("acceptance/reader.sec.asc")) ?? [];
  assert(block !== undefined);
  const readersKey: UnlockedKey = await readSecretKey(new Secret(Uint8Array.from(block.data)));
  const now = after(NOW, DAY);
  const reader = addressOf("reader@small.test");
  await using world = await openReadingWorld({ reader, readersKey, authors: new Map(), now });
  const message = Buffer.from(read(name).toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1");
  const shown = await world.arrive(message);
  assert(shown !== undefined);
  return shown;
}

function revoked(name: string, address: string): () => Promise<void> {
  return async () => {
    const parsed = await parseCertificates(read(name));
    assert(parsed.kind === "parsed", JSON.stringify(parsed));
    const [certificate] = parsed.certificates;
    assert(certificate !== undefined);
    const now = after(NOW, DAY);
    const accepted = await acceptForEncryption(certificate, addressOf(address), now);
    assert.deepEqual(accepted, { kind: "unusable", reason: "revoked" });
    const imported = await importCertificate({
      bytes: read(name),
      address: addressOf(address),
      now,
    });
    assert.deepEqual(imported, { kind: "refused", reason: "revoked" });
  };
}

async function ed448(): Promise<void> {
  const parsed = await parseCertificates(read("fuzz/ed448-sha256.pub"));
  assert(parsed.kind === "parsed");
  const [certificate] = parsed.certificates;
  const [signature] = readDetachedSignatures(read("fuzz/ed448-sha256.sig")) ?? [];
  assert(certificate !== undefined && signature !== undefined);
  const data = Buffer.from("text");
  assert.equal((await verifySignature({ data, signature, certificate })).kind, "invalid");
}
