import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  startServer,
  stopServer,
  pki,
  server,
  ada,
  modern,
  get,
  binaryFingerprints,
  ADVANCED,
  HASH,
} from "../../test/support/served-keys.ts";
import { sendRaw, type RawAnswer } from "../../test/support/test-keyserver.ts";
import { wkdHash } from "../mail/wkd-hash.ts";

before(startServer);

after(stopServer);

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
