import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import {
  ask,
  publishKey,
  startTestKeyserver,
  type RawAnswer,
  type TestKeyserver,
} from "../../test/support/test-keyserver.ts";
import { HOUR, after as inTime, systemClock } from "../base/time.ts";
import { revocationOf } from "../openpgp/certificates/acceptance.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificates/certificate.ts";
import { keyIdOf } from "../openpgp/packets/fingerprint.ts";

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;
let server: TestKeyserver;
let ada: Certificate;
let older: readonly Certificate[];

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-keyserver-"));
  pki = await makePki(dir);
  issued = await pki.issue(["keys.alpha.test"]);
  server = await startTestKeyserver(issued, {
    domains: ["alpha.test", "xn--bcher-kva.test"],
    limits: { addressMissesPerMinute: 10_000 },
  });
  older = [
    await publishKey(server.store, "ada.quill@alpha.test", { isRevoked: true }),
    await publishKey(server.store, "ada.quill@alpha.test", { isRevoked: true }),
  ];
  ada = await publishKey(server.store, "Ada.Quill@alpha.test");
  await publishKey(server.store, "gone@alpha.test", { isRevoked: true });
  await publishKey(server.store, "jürgen@bücher.test");
  await publishKey(server.store, "guest@legacy.test");
  await publishKey(server.store, "modern@alpha.test", { profile: "modern" });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const lookUp = async (query: string): Promise<RawAnswer> =>
  ask(server, pki, `/pks/lookup?${query}`);
const get = async (search: string): Promise<RawAnswer> => lookUp(`op=get&search=${search}`);

async function fingerprintsIn(answer: RawAnswer): Promise<readonly string[]> {
  const parsed = await parseCertificates(Buffer.from(answer.body));
  assert(parsed.kind === "parsed", answer.raw);
  return parsed.certificates.map(({ fingerprint }) => fingerprint);
}

test("by address there is the active certificate and no other", async () => {
  for (const search of [
    "Ada.Quill@alpha.test",
    "ada.quill%40ALPHA.test",
    "ada.quill+news@alpha.test",
    "ada.quill%2Bnews@alpha.test",
    "ada.quill%20news@alpha.test",
  ]) {
    const answer = await get(search);
    assert.equal(answer.status, 200, search);
    assert.deepEqual(await fingerprintsIn(answer), [ada.fingerprint]);
  }
});

test("the answer is one armored block with the headers of the protocol", async () => {
  const { headers, body } = await lookUp("search=ada.quill@alpha.test&options=mr&op=get&exact=on");
  assert.match(
    body,
    /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n[^:]+\n-----END PGP PUBLIC KEY BLOCK-----\n$/,
  );
  assert.equal(headers.get("content-type"), "application/pgp-keys");
  assert.equal(headers.get("content-disposition"), `attachment; filename="${ada.fingerprint}.asc"`);
  assert.equal(headers.get("access-control-allow-origin"), "*");
  assert.equal(headers.get("cache-control"), "public, max-age=300");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.match(headers.get("strict-transport-security") ?? "", /max-age=\d{7,}/);
  assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
});

test("by fingerprint, subkey fingerprint and key ID every certificate is found, revoked ones with their revocation", async () => {
  for (const certificate of [ada, ...older]) {
    const { fingerprint, subkeyFingerprints } = certificate;
    for (const id of [fingerprint, ...subkeyFingerprints].flatMap((one) => [one, keyIdOf(one)])) {
      const answer = await get(`0x${id.toLowerCase()}`);
      assert.deepEqual(await fingerprintsIn(answer), [fingerprint]);
      assert.equal(answer.headers.get("cache-control"), "public, max-age=3600");
    }
  }
  const old = older[0];
  assert(old);
  const parsed = await parseCertificates(Buffer.from((await get(old.fingerprint)).body));
  const [found] = parsed.kind === "parsed" ? parsed.certificates : [];
  assert(found);
  assert.equal((await revocationOf(found)).kind, "soft");
  assert.deepEqual(found.userIds, ["ada.quill@alpha.test"]);
});

test("an address whose only key is revoked has none", async () => {
  assert.equal((await get("gone@alpha.test")).status, 404);
});

test("an expired certificate is found by its fingerprint alone", async () => {
  const now = systemClock.now();
  const expired = await publishKey(server.store, "late@alpha.test", { expiresAt: now });
  await publishKey(server.store, "early@alpha.test", { expiresAt: inTime(now, HOUR) });
  for (const search of ["late@alpha.test", "late+x@alpha.test"]) {
    assert.equal((await get(search)).status, 404);
    assert.equal((await lookUp(`op=index&options=mr&search=${search}`)).status, 404);
  }
  assert.equal((await get("early@alpha.test")).status, 200);
  assert.deepEqual(await fingerprintsIn(await get(expired.fingerprint)), [expired.fingerprint]);
  const { body } = await lookUp(`op=index&options=mr&search=${expired.fingerprint}`);
  assert.match(body, /^pub:.*:e$/m);
});

test("nothing is found for parts, names, wildcards, short ids and strangers", async () => {
  for (const search of [
    "quill",
    "*",
    "%25",
    "@alpha.test",
    "alpha.test",
    "ada*@alpha.test",
    "ada",
    "",
    "Ada%20Quill",
    `0x${ada.fingerprint.slice(-8)}`,
    ada.fingerprint.slice(-8),
    `0x${ada.fingerprint.slice(0, 32)}`,
    "absent@alpha.test",
    "absent+x@alpha.test",
    "someone@foreign.test",
    "guest@legacy.test",
    "ada.quill@alpha.test'%20or%201=1--",
  ]) {
    for (const query of [
      `op=get&search=${search}`,
      `op=get&exact=off&search=${search}`,
      `op=index&options=mr&search=${search}`,
    ]) {
      const answer = await lookUp(query);
      assert.equal(answer.status, 404, query);
      assert.equal(answer.body, "not found\n");
      assert.equal(answer.headers.get("cache-control"), "public, max-age=60");
    }
  }
});

test("absent, foreign and unsearchable get the same answer to the byte", async () => {
  const answers = await Promise.all(
    ["absent@alpha.test", "someone@foreign.test", "quill"].map(async (search) => get(search)),
  );
  const plain = answers.map(({ raw }) => raw.replace(/^Date: .*\r\n/m, ""));
  assert.equal(new Set(plain).size, 1);
});

test("a version 6 certificate is in no version 1 answer", async () => {
  assert.equal((await get("modern@alpha.test")).status, 404);
});

test("an internationalised address is found by U-label and A-label", async () => {
  for (const domain of ["b%C3%BCcher.test", "xn--bcher-kva.test"]) {
    assert.equal((await get(`j%C3%BCrgen@${domain}`)).status, 200);
  }
});

test("the index for machines has one line for the key and one for each user ID", async () => {
  const answer = await lookUp("op=index&options=mr&fingerprint=on&search=ada.quill@alpha.test");
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  const created = String(ada.created.getTime() / 1000);
  const lines = answer.body.split("\n");
  assert.equal(lines[0], "info:1:1");
  assert.match(lines[1] ?? "", new RegExp(`^pub:${ada.fingerprint}:22:\\d+:${created}:\\d*:$`));
  assert.equal(lines[2], `uid:Ada.Quill@alpha.test:${created}::`);
  const [old] = older;
  assert(old);
  const revoked = await lookUp(`op=vindex&options=mr&search=${old.fingerprint}`);
  assert.match(revoked.body, /^pub:.*:r$/m);
});

test("user IDs in the index are percent-encoded", async () => {
  const { body } = await lookUp("op=index&options=mr&search=j%C3%BCrgen@xn--bcher-kva.test");
  assert.match(body, /^uid:j%C3%BCrgen@b%C3%BCcher\.test:/m);
});

test("the index for people is a page without script", async () => {
  const { headers, body } = await lookUp("op=index&search=ada.quill@alpha.test");
  assert.match(headers.get("content-type") ?? "", /^text\/html/);
  assert(body.includes(ada.fingerprint) && body.includes("Ada.Quill@alpha.test"));
  assert.doesNotMatch(body, /<script|<style|\son\w+=/);
});

test("stats and hget are not implemented; a query without op or search is malformed", async () => {
  assert.equal((await lookUp("op=stats")).status, 501);
  assert.equal((await lookUp("op=hget&search=x")).status, 501);
  for (const query of ["", "op=get", "search=ada.quill@alpha.test", "op=get&search=%zz"]) {
    const answer = await lookUp(query);
    assert.equal(answer.status, 400, query);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
});

test("HEAD has the headers alone; OPTIONS names the methods", async () => {
  const target = "/pks/lookup?op=get&search=ada.quill@alpha.test";
  const head = await ask(server, pki, target, "HEAD");
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
  assert.equal(head.headers.get("content-type"), "application/pgp-keys");
  const options = await ask(server, pki, "/pks/lookup", "OPTIONS");
  assert.equal(options.status, 200);
  assert.equal(options.headers.get("allow"), "GET, HEAD, OPTIONS");
});

test("it says when it is well", async () => {
  assert.equal((await ask(server, pki, "/healthz")).body, "ok\n");
});

test("trouble with the database is never read as no key", async () => {
  const broken = await startTestKeyserver(issued);
  await using _broken = broken;
  await broken.store.db.schema.dropTable("certificate_ids").execute();
  const answer = await ask(broken, pki, `/pks/lookup?op=get&search=${ada.fingerprint}`);
  assert.equal(answer.status, 503);
  assert.doesNotMatch(answer.body, /certificate_ids/);
});

test("misses are limited, and then hits too; a network that only hits is not", async () => {
  const limited = await startTestKeyserver(issued, {
    limits: { addressMissesPerMinute: 5, peerMissesPerMinute: 5 },
  });
  await using _limited = limited;
  const certificate = await publishKey(limited.store, "ada@alpha.test");
  const statusOf = async (search: string): Promise<number> =>
    (await ask(limited, pki, `/pks/lookup?op=get&search=${search}`)).status;
  for (let index = 0; index < 20; index += 1) assert.equal(await statusOf("ada@alpha.test"), 200);
  for (let index = 0; index < 10; index += 1) {
    assert.equal(await statusOf(`guess${String(index)}@alpha.test`), 404);
  }
  const refused = await ask(limited, pki, "/pks/lookup?op=get&search=ada@alpha.test");
  assert.equal(refused.status, 429);
  assert(Number(refused.headers.get("retry-after")) > 0);
  assert.equal(await statusOf(`0x${certificate.fingerprint}`), 200);
});
