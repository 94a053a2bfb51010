import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  startServer,
  stopServer,
  pki,
  server,
  ada,
  old,
  modern,
  v2,
  binaryFingerprints,
} from "../../test/support/served-keys.ts";
import { ask } from "../../test/support/test-keyserver.ts";
import { keyIdOf } from "../openpgp/packets/fingerprint.ts";

before(startServer);

after(stopServer);

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
