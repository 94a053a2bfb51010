/** HKP v2, the Web Key Directory, pages and what all answers have in common; HKP v1 is in `keyserver.test.ts`. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makePki, type Pki } from "../../lab/pki.ts";
import {
  ask,
  publishKey,
  publishLiveKey,
  sendRaw,
  startTestKeyserver,
  type RawAnswer,
  type TestKeyserver,
} from "../../test/support/test-keyserver.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificate.ts";
import { keyIdOf } from "../openpgp/fingerprint.ts";

let dir: string;
let pki: Pki;
let server: TestKeyserver;
let ada: Certificate;
let old: Certificate;
let modern: Certificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-interfaces-"));
  pki = await makePki(dir);
  server = await startTestKeyserver(await pki.issue(["keys.alpha.test"]), {
    domains: ["alpha.test", "b\u{fc}cher.test"],
    limits: { addressMissesPerMinute: 10_000 },
  });
  old = await publishKey(server.store, "Ada.Quill@alpha.test", { isRevoked: true });
  ada = await publishKey(server.store, "Ada.Quill@alpha.test");
  modern = await publishKey(server.store, "modern@alpha.test", { profile: "modern" });
  await publishKey(server.store, "j\u{fc}rgen@b\u{fc}cher.test");
  await publishKey(server.store, "guest@legacy.test");
  await publishKey(server.store, "gone@alpha.test", { isRevoked: true });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const get = async (target: string, ...headers: readonly string[]): Promise<RawAnswer> =>
  ask(server, pki, target, "GET", headers);
const v2 = async (rest: string): Promise<RawAnswer> => get(`/pks/v2/${rest}`);

async function binaryFingerprints({ status, body }: RawAnswer): Promise<readonly string[]> {
  assert.equal(status, 200);
  const parsed = await parseCertificates(Buffer.from(body, "latin1"));
  assert(parsed.kind === "parsed");
  return parsed.certificates.map(({ fingerprint }) => fingerprint);
}

test("version 2 finds certificates of every version by versioned fingerprint, written in both ways", async () => {
  for (const [version, certificate] of [
    ["04", ada],
    ["04", old],
    ["06", modern],
  ] as const) {
    const { fingerprint, subkeyFingerprints } = certificate;
    for (const hex of [fingerprint, fingerprint.toLowerCase(), ...subkeyFingerprints]) {
      for (const separator of ["/", ""]) {
        const answer = await v2(`certs/by-vfingerprint/${version}${separator}${hex}`);
        assert.deepEqual(await binaryFingerprints(answer), [fingerprint]);
        assert.equal(answer.headers.get("content-type"), "application/pgp");
        assert.equal(answer.headers.get("cache-control"), "public, max-age=3600");
      }
    }
  }
  for (const wrong of [
    `06/${ada.fingerprint}`,
    `04/${modern.fingerprint}`,
    `04/0x${ada.fingerprint}`,
    `03/${ada.fingerprint}`,
    `04/${ada.fingerprint.slice(1)}`,
    `04/${ada.fingerprint}/`,
  ]) {
    assert.equal((await v2(`certs/by-vfingerprint/${wrong}`)).status, 404, wrong);
  }
});

test("version 2 finds by key ID what is of version 4, and never version 6", async () => {
  for (const { fingerprint, subkeyFingerprints } of [ada, old]) {
    for (const one of [fingerprint, ...subkeyFingerprints]) {
      const answer = await v2(`certs/by-keyid/${keyIdOf(one).toLowerCase()}`);
      assert.deepEqual(await binaryFingerprints(answer), [fingerprint]);
    }
  }
  assert.equal((await v2(`certs/by-keyid/${keyIdOf(modern.fingerprint)}`)).status, 404);
  assert.equal((await v2(`certs/by-keyid/${ada.fingerprint.slice(-8)}`)).status, 404);
});

test("version 2 finds the active certificate by the whole identity", async () => {
  for (const identity of ["Ada.Quill@alpha.test", "ada.quill%40ALPHA.test"]) {
    for (const category of ["certs/by-identity", "canonical"]) {
      const answer = await v2(`${category}/${identity}`);
      assert.deepEqual(await binaryFingerprints(answer), [ada.fingerprint]);
      assert.equal(answer.headers.get("cache-control"), "public, max-age=300");
    }
  }
  assert.deepEqual(await binaryFingerprints(await v2("canonical/modern@alpha.test")), [
    modern.fingerprint,
  ]);
  assert.deepEqual(await binaryFingerprints(await v2("canonical/ada.quill+x@alpha.test")), [
    ada.fingerprint,
  ]);
  assert.equal((await v2("certs/by-identity/ada.quill+x@alpha.test")).status, 404);
});

test("version 2 finds nothing for parts, names, wildcards, strangers and guests, and those without a key", async () => {
  for (const category of ["certs/by-identity", "canonical", "index"]) {
    for (const identity of [
      "quill",
      "alpha.test",
      "@alpha.test",
      "*",
      "%25",
      "ada*@alpha.test",
      "Ada%20Quill",
      "%3Cada.quill@alpha.test%3E",
      "absent@alpha.test",
      "someone@foreign.test",
      "guest@legacy.test",
      "gone@alpha.test",
    ]) {
      const answer = await v2(`${category}/${identity}`);
      assert.equal(answer.status, 404, `${category}/${identity}`);
      assert.equal(answer.body, "not found\n");
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    }
    assert.equal((await v2(`${category}/%zz`)).status, 400);
  }
});

test("the index of version 2 is a JSON array with what the certificate says", async () => {
  const answer = await v2("index/modern@alpha.test");
  assert.equal(answer.headers.get("content-type"), "application/json");
  const [entry, ...more] = JSON.parse(answer.body) as readonly Record<string, unknown>[];
  assert.deepEqual(more, []);
  assert.equal(entry?.["version"], 6);
  assert.equal(entry["fingerprint"], modern.fingerprint.toLowerCase());
  assert.match(String(entry["creation"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(entry["isExpired"], false);
  assert.equal(entry["isRevoked"], false);
  assert.deepEqual(entry["userIDs"], [
    { uidString: "modern@alpha.test", confidence: 120, isRevoked: false },
  ]);
  const subkeys = entry["subkeys"] as readonly Record<string, unknown>[];
  assert.deepEqual(
    subkeys.map(({ version, fingerprint }) => [version, fingerprint]),
    modern.subkeyFingerprints.map((one) => [6, one.toLowerCase()]),
  );
  const umlaut = await v2("index/j%C3%BCrgen@xn--bcher-kva.test");
  assert.match(Buffer.from(umlaut.body, "latin1").toString(), /"j\u{fc}rgen@b\u{fc}cher\.test"/u);
});

test("version 2 says what it does not do: 403 without an identifier, 405 for writes, 501 for the rest", async () => {
  for (const rest of [
    "certs",
    "certs/",
    "certs/by-keyid",
    "certs/by-vfingerprint/",
    "canonical/",
  ]) {
    assert.equal((await v2(rest)).status, 403, rest);
  }
  for (const rest of ["prefixlog/2026-11-01", "sendtoken/x", "certs/by-name/x", ""]) {
    assert.equal((await v2(rest)).status, 501, rest);
  }
  for (const [method, rest] of [
    ["POST", "certs"],
    ["PUT", "canonical/ada.quill@alpha.test"],
    ["POST", "sendtoken"],
    ["DELETE", "certs"],
  ] as const) {
    const answer = await ask(server, pki, `/pks/v2/${rest}`, method);
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  }
  for (const [category, status] of [
    ["certs", 200],
    ["canonical", 200],
    ["index/ada.quill@alpha.test", 200],
    ["prefixlog", 501],
    ["sendtoken", 501],
  ] as const) {
    const answer = await ask(server, pki, `/pks/v2/${category}`, "OPTIONS");
    assert.equal(answer.status, status, category);
    if (status === 200) assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
  }
});

const ADVANCED = "/.well-known/openpgpkey/alpha.test";
const HASH = "fhh5hqn4exs59t43nc8z1eneyuch6s76";

test("the directory has the active certificate of every version under the hash of the local part", async () => {
  for (const query of ["", "?l=Ada.Quill", "?l=ada.quill", "?x=y&l=ada%2Equill"]) {
    const answer = await get(`${ADVANCED}/hu/${HASH}${query}`);
    assert.deepEqual(await binaryFingerprints(answer), [ada.fingerprint], query);
    assert.equal(answer.headers.get("content-type"), "application/octet-stream");
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  }
  const six = await get(`${ADVANCED}/hu/${wkdHash("modern")}?l=modern`);
  assert.deepEqual(await binaryFingerprints(six), [modern.fingerprint]);
  const umlaut = "/.well-known/openpgpkey/xn--bcher-kva.test/hu/xotup5kjnwdgxj1qa4a6s1j1hx3q5196";
  assert.equal((await get(`${umlaut}?l=j%C3%BCrgen`)).status, 200);
});

test("the direct directory takes the domain from Host, with or without a port, and says so to caches", async () => {
  const ofHost = async (host: string, rest = `hu/${HASH}?l=Ada.Quill`): Promise<RawAnswer> => {
    const target = `/.well-known/openpgpkey/${rest}`;
    const lines = [`Host: ${host}`, "Connection: close"];
    const text = `GET ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
    return sendRaw(server, pki, text);
  };
  for (const [host, rest, status] of [
    ["alpha.test", undefined, 200],
    ["ALPHA.test:8443", undefined, 200],
    ["alpha.test", "policy", 200],
    ["alpha.test", `hu/${wkdHash("absent")}`, 404],
    ["alpha.test", "hu/x", 404],
    ["alpha.test", `hu/${HASH}?l=%`, 400],
  ] as const) {
    const answer = await ofHost(host, rest);
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("vary"), "Host");
  }
  assert.equal((await get(`${ADVANCED}/hu/${HASH}`)).headers.get("vary"), undefined);
});

test("the direct directory of a host that is not served here is answered 421, and kept by no cache (RFC 9110 §15.5.20)", async () => {
  for (const host of ["keys.alpha.test", "foreign.test", "127.0.0.1", ""]) {
    for (const rest of [`hu/${HASH}?l=Ada.Quill`, "policy", "hu/x"]) {
      const text = `GET /.well-known/openpgpkey/${rest} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const answer = await sendRaw(server, pki, text);
      assert.equal(answer.status, 421, `${host} ${rest}`);
      assert.equal(answer.headers.get("cache-control"), "no-store");
    }
  }
});

test("an absolute target is answered like its origin form, and its authority counts instead of Host (RFC 9112 §3.2.2)", async () => {
  const raw = async (target: string, host: string): Promise<RawAnswer> =>
    sendRaw(server, pki, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const body = ({ status, body: text }: RawAnswer) => ({ status, text });
  for (const path of [
    "/pks/lookup?op=get&search=Ada.Quill@alpha.test",
    "/pks/lookup?op=get&search=nobody@alpha.test",
    "/healthz",
    `${ADVANCED}/hu/${HASH}`,
    "/nothing",
    "/",
  ]) {
    const origin = body(await raw(path, "keys.alpha.test"));
    for (const place of ["https://keys.alpha.test", "HTTPS://keys.alpha.test:443"]) {
      assert.deepEqual(body(await raw(`${place}${path}`, "keys.alpha.test")), origin, path);
    }
  }
  const startPage = body(await raw("/", "keys.alpha.test"));
  assert.deepEqual(body(await raw("https://keys.alpha.test", "keys.alpha.test")), startPage);
  const direct = `/.well-known/openpgpkey/hu/${HASH}`;
  assert.equal((await raw(`https://alpha.test${direct}`, "foreign.test")).status, 200);
  assert.equal((await raw(`https://foreign.test${direct}`, "alpha.test")).status, 421);
  assert.equal((await raw("http://keys.alpha.test/healthz", "keys.alpha.test")).status, 421);
  for (const place of ["https://", "https://u:p@keys.alpha.test"]) {
    assert.equal((await raw(`${place}/healthz`, "keys.alpha.test")).status, 400, place);
  }
});

test("the directory has a policy for each domain, and nothing else", async () => {
  const policy = await get(`${ADVANCED}/policy`);
  assert.equal(policy.status, 200);
  assert.equal(policy.body, "");
  for (const target of [
    `${ADVANCED}/hu/${HASH}?l=other`,
    `${ADVANCED}/hu/${HASH}?l=`,
    `${ADVANCED}/hu/${wkdHash("ada.quill+news")}?l=ada.quill%2Bnews`,
    `${ADVANCED}/hu/${wkdHash("gone")}?l=gone`,
    `${ADVANCED}/hu/${wkdHash("absent")}`,
    `${ADVANCED}/hu/${HASH.toUpperCase()}`,
    `${ADVANCED}/hu/${HASH}/`,
    `${ADVANCED}/hu/`,
    `${ADVANCED}/`,
    `${ADVANCED}/policy/x`,
    `${ADVANCED}/submission-address`,
    "/.well-known/openpgpkey/legacy.test/policy",
    `/.well-known/openpgpkey/legacy.test/hu/${wkdHash("guest")}?l=guest`,
    "/.well-known/openpgpkey/",
  ]) {
    assert.equal((await get(target)).status, 404, target);
  }
});

test("a client that has an answer already gets 304, until the answer changes", async () => {
  const address = "changing@alpha.test";
  const { certificate, supersede } = await publishLiveKey(server.store, address);
  for (const target of [
    `/pks/lookup?op=get&search=${certificate.fingerprint}`,
    `/pks/lookup?op=index&options=mr&search=${certificate.fingerprint}`,
    `/pks/v2/certs/by-vfingerprint/04/${certificate.fingerprint}`,
  ]) {
    const first = await get(target);
    const tag = first.headers.get("etag") ?? "";
    assert.match(tag, /^"[-\w]+"$/);
    for (const given of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
      const again = await get(target, `If-None-Match: ${given}`);
      assert.equal(again.status, 304, given);
      assert.equal(again.body, "");
      assert.equal(again.headers.get("etag"), tag);
      assert.equal(again.headers.get("cache-control"), first.headers.get("cache-control"));
    }
    assert.equal((await get(target, 'If-None-Match: "x"')).status, 200);
  }
  const target = `/pks/lookup?op=get&search=${certificate.fingerprint}`;
  const tag = (await get(target)).headers.get("etag") ?? "";
  await supersede();
  const changed = await get(target, `If-None-Match: ${tag}`);
  assert.equal(changed.status, 200);
  assert.notEqual(changed.headers.get("etag"), tag);
  assert.equal(
    (await get("/pks/lookup?op=get&search=absent@alpha.test", "If-None-Match: *")).status,
    404,
  );
});

test("the start page explains, searches by GET and needs neither script nor anything from elsewhere", async () => {
  const { status, headers, body } = await get("/");
  assert.equal(status, 200);
  assert.match(headers.get("content-type") ?? "", /^text\/html/);
  assert.match(body, /<html lang="en">/);
  assert.match(body, /<form action="\/pks\/lookup" method="get"/);
  assert.match(body, /<label for="search">/);
  assert.match(body, /gpg --keyserver hkps:\/\/keys\.alpha\.test --recv-keys/);
  assert.match(body, /<code>alpha\.test<\/code>/);
  assert.doesNotMatch(body, /<script|<style|style=|\son\w+=|src=|https?:/);
  const policy = headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|script-src/);
  const style = await get(/href="(\/[\w.]+)"/.exec(body)?.[1] ?? "");
  assert.equal(style.status, 200);
  assert.match(style.headers.get("content-type") ?? "", /^text\/css/);
  assert.doesNotMatch(style.body, /url\(|@import/);
});

test("a person who searches gets a page, also when nothing is found", async () => {
  const missing = await get("/pks/lookup?op=index&search=%3Cb%3Eabsent@alpha.test");
  assert.equal(missing.status, 404);
  assert.match(missing.headers.get("content-type") ?? "", /^text\/html/);
  assert.doesNotMatch(missing.body, /absent|<b>/);
  const revoked = await get(`/pks/lookup?op=index&search=${old.fingerprint}`);
  assert.match(revoked.body, /This key is revoked/);
});

test("every answer says that it is for all, and for HTTPS alone", async () => {
  for (const [method, target] of [
    ["GET", "/"],
    ["GET", "/nowhere"],
    ["GET", "/pks/lookup"],
    ["GET", "/pks/lookup?op=stats"],
    ["HEAD", `${ADVANCED}/hu/${HASH}`],
    ["OPTIONS", "*"],
    ["OPTIONS", "/pks/lookup"],
    ["POST", "/pks/add"],
  ] as const) {
    const { headers } = await ask(server, pki, target, method);
    assert.equal(headers.get("access-control-allow-origin"), "*", target);
    assert.match(headers.get("strict-transport-security") ?? "", /max-age=\d{7,}/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
});
