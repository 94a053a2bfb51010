/** Pages, and what the answers of all interfaces have in common; HKP version 1 is in `keyserver.test.ts`. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  startServer,
  stopServer,
  pki,
  server,
  old,
  get,
  ADVANCED,
  HASH,
} from "../../test/support/served-keys.ts";
import { ask, publishLiveKey, sendRaw, type RawAnswer } from "../../test/support/test-keyserver.ts";

before(startServer);

after(stopServer);

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
