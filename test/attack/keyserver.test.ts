/** What strangers may try on the public listener. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { MINUTE } from "../../src/base/time.ts";
import { wkdHash } from "../../src/mail/wkd-hash.ts";
import { publishedVersion } from "../../src/store/keys/published-version.ts";
import {
  ask,
  publishKey,
  sendRaw,
  startTestKeyserver,
  type TestKeyserver,
} from "../support/test-keyserver.ts";

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;
let server: TestKeyserver;

const HIT = "/pks/lookup?op=get&search=ada@alpha.test";
const KEY = /BEGIN PGP/;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-keyserver-"));
  pki = await makePki(dir);
  issued = await pki.issue(["keys.alpha.test"]);
  server = await startTestKeyserver(issued, {
    limits: { addressMissesPerMinute: 10_000 },
    http: { headersMs: 1500, requestMs: 2000, idleMs: 300 },
  });
  await publishKey(server.store, "ada@alpha.test");
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

test("every method but GET, HEAD and OPTIONS is refused on every path, and changes nothing", async () => {
  const version = await publishedVersion(server.store);
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]) {
    for (const target of ["/pks/add", HIT, "/", "/healthz"]) {
      const answer = await ask(server, pki, target, method);
      assert.equal(answer.status, 405, `${method} ${target}`);
      assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      assert.doesNotMatch(answer.body, KEY);
    }
  }
  assert.equal(await publishedVersion(server.store), version);
});

test("the body of a POST is not read: the answer comes at once and the connection ends", async () => {
  for (const headers of [
    ["Content-Length: 1000000000"],
    ["Transfer-Encoding: chunked"],
    ["Content-Length: 1000000000", "Expect: 100-continue"],
  ]) {
    const lines = ["Host: keys.alpha.test", "Content-Type: text/plain", ...headers];
    const request = `POST /pks/add HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\nkeytext=`;
    const answer = await sendRaw(server, pki, request);
    assert.equal(answer.status, 405);
    assert.doesNotMatch(answer.raw, /100 Continue/);
    assert.equal(answer.headers.get("connection"), "close");
  }
});

test("what stands behind a body is not another request", async () => {
  const second = `GET ${HIT} HTTP/1.1\r\nHost: keys.alpha.test\r\n\r\n`;
  for (const head of [
    `GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nAAAA${second}`,
    `POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
    `GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
    `GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: ${String(second.length)}\r\n\r\n${second}`,
    `GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n${second}`,
    `GET /x HTTP/1.1\nHost: a\n\n${second}`,
    `GET /x HTTP/1.1\r\nHost: a\r\nX: y\rGET / HTTP/1.1\r\n\r\n${second}`,
  ]) {
    const answer = await sendRaw(server, pki, head);
    assert.doesNotMatch(answer.raw, KEY, JSON.stringify(head));
    assert(answer.status >= 400, JSON.stringify(head));
  }
});

test("guesses that come all at once are limited as those one after the other", async () => {
  const limited = await startTestKeyserver(issued, { limits: { addressMissesPerMinute: 5 } });
  await using _limited = limited;
  const guesses = Array.from(
    { length: 100 },
    (_, index) =>
      `GET /pks/lookup?op=get&search=guess${String(index)}@alpha.test HTTP/1.1\r\nHost: a\r\n`,
  );
  const { raw } = await sendRaw(limited, pki, `${guesses.join("\r\n")}Connection: close\r\n\r\n`);
  assert.equal(raw.match(/HTTP\/1\.1 404/g)?.length, 10);
  assert.equal(raw.match(/HTTP\/1\.1 429/g)?.length, 90);
});

test("guesses over many connections and all interfaces come out of one budget", async () => {
  const limited = await startTestKeyserver(issued, { limits: { addressMissesPerMinute: 5 } });
  await using _limited = limited;
  const targets = Array.from({ length: 60 }, (_, index) => {
    const guess = `guess${String(index)}`;
    const ways = [
      `/pks/lookup?op=get&search=${guess}@alpha.test`,
      `/pks/v2/canonical/${guess}@alpha.test`,
      `/.well-known/openpgpkey/alpha.test/hu/${wkdHash(guess)}?l=${guess}`,
    ];
    return ways[index % ways.length] ?? "";
  });
  const answers = await Promise.all(targets.map(async (target) => ask(limited, pki, target)));
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 404).length, 10);
  assert.equal(statuses.filter((status) => status === 429).length, 50);
  for (const { status, headers } of answers) {
    assert.equal(headers.has("retry-after"), status === 429);
    assert.equal(headers.get("access-control-allow-origin"), "*");
  }
});

test("what a request is beside its target does not change the answer", async () => {
  const plain =
    "GET /pks/lookup?op=get&search=ada@alpha.test HTTP/1.1\r\nHost: keys.alpha.test\r\n";
  const bodies = await Promise.all(
    ["", "Accept: */*\r\n", "X-Other: y\r\n", "accept-language: de\r\n"].map(async (field) => {
      const closing = `HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
      const { raw } = await sendRaw(server, pki, `${plain}${field}\r\n${closing}`);
      return raw.slice(raw.indexOf("-----BEGIN"), raw.indexOf("-----END"));
    }),
  );
  assert.equal(new Set(bodies).size, 1);
  assert.match(bodies[0] ?? "", KEY);
});

test("other spellings of the path are not the path", async () => {
  for (const path of [
    "/pks/../pks/lookup",
    "/./pks/lookup",
    "//pks/lookup",
    "/pks//lookup",
    "/pks/lookup/",
    "/pks/lookup/../../etc/passwd",
    "/pks/%6cookup",
    "/PKS/lookup",
    "/pks\\lookup",
    "/..%2f..%2fetc/passwd",
    "/pks/lookup;a=b",
    "/pks/lookup%00",
    "/pks/lookup%3f",
  ]) {
    const answer = await ask(server, pki, `${path}?op=get&search=ada@alpha.test`);
    assert(answer.status === 404 || answer.status === 400, `${path} ${String(answer.status)}`);
    assert.doesNotMatch(answer.raw, KEY);
    assert.doesNotMatch(answer.raw, /root:/);
  }
});

test("headers cannot change method, path, host or client", async () => {
  const headers = [
    "X-HTTP-Method-Override: POST",
    "X-Method-Override: DELETE",
    "X-Original-URL: /pks/add",
    "X-Rewrite-URL: /pks/add",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-For: 1.2.3.4",
    "Forwarded: for=1.2.3.4",
  ];
  const answer = await ask(server, pki, HIT, "GET", headers);
  assert.equal(answer.status, 200);
  assert.match(answer.body, KEY);
  assert.doesNotMatch(answer.raw, /evil/);
});

test("of a variable given twice the first counts, and names are not paths into objects", async () => {
  const other = "/pks/lookup?op=get&search=absent@alpha.test&search=ada@alpha.test";
  assert.equal((await ask(server, pki, other)).status, 404);
  const arrays = "/pks/lookup?op[]=get&search[]=ada@alpha.test";
  assert.equal((await ask(server, pki, arrays)).status, 400);
  const proto = "/pks/lookup?__proto__[op]=get&constructor=x&op=get&search=ada@alpha.test";
  assert.equal((await ask(server, pki, proto)).status, 200);
});

test("what is asked is never part of the answer", async () => {
  for (const search of [
    "%3Cscript%3Ealert(1)%3C/script%3E@alpha.test",
    "x%0d%0aSet-Cookie:%20a=b@alpha.test",
    "%22%3E%3Cimg%20src=x@alpha.test",
  ]) {
    for (const op of ["get", "index"]) {
      const answer = await ask(server, pki, `/pks/lookup?op=${op}&search=${search}`);
      assert.equal(answer.status, 404);
      assert.doesNotMatch(answer.raw, /script|cookie|img/i);
    }
  }
});

test("a huge query, a huge header and too many of them are refused", async () => {
  const target = `${HIT}&x=${"a".repeat(5000)}`;
  assert.equal((await ask(server, pki, target)).status, 400);
  const large = await ask(server, pki, `/${"a".repeat(17_000)}`);
  assert.equal(large.status, 431);
  assert.equal(large.headers.get("x-content-type-options"), "nosniff");
  assert.equal((await ask(server, pki, HIT, "GET", [`X: ${"b".repeat(17_000)}`])).status, 431);
  // The connection is gone before all of it was sent: the client may see that instead of the answer.
  for (const size of [100_000, 5_000_000]) {
    const huge = await ask(server, pki, HIT, "GET", [`X: ${"b".repeat(size)}`]);
    assert(huge.status === 431 || huge.raw === "");
  }
});

test("what is no HTTP is refused, and so is HTTP without TLS", async () => {
  for (const bytes of [
    "EHLO x\r\n\r\n",
    `GET ${HIT}\r\n\r\n`,
    `GET ${HIT} HTTP/9.9\r\nHost: a\r\n\r\n`,
    `GET http://evil.test${HIT} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET ${HIT} HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`,
    `GET ${HIT} HTTP/1.1\r\nConnection: close\r\n\r\n`,
  ]) {
    const answer = await sendRaw(server, pki, bytes);
    assert.doesNotMatch(answer.raw, KEY, bytes);
  }
  const plain = connect({ host: server.host, port: server.port });
  let got = "";
  plain.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  plain.on("error", () => undefined);
  plain.write(`GET ${HIT} HTTP/1.1\r\nHost: keys.alpha.test\r\n\r\n`);
  await once(plain, "close", { signal: AbortSignal.timeout(10_000) });
  assert.doesNotMatch(got, KEY);
});

test("HTTP/1.0 clients are served", async () => {
  const answer = await sendRaw(server, pki, `GET ${HIT} HTTP/1.0\r\n\r\n`);
  assert.equal(answer.status, 200);
  assert.match(answer.body, KEY);
});

test("a client that sends its header slowly is cut off, and others are served meanwhile", async () => {
  const slow = connectTls({
    host: server.host,
    port: server.port,
    ca: pki.ca,
    servername: "keys.alpha.test",
  });
  slow.on("error", () => undefined);
  await once(slow, "secureConnect");
  slow.write("GET / HTTP/1.1\r\n");
  const drip = setInterval(() => slow.write("X: y\r\n"), 200);
  assert.equal((await ask(server, pki, HIT)).status, 200);
  slow.resume();
  await once(slow, "close", { signal: AbortSignal.timeout(10_000) });
  clearInterval(drip);
});

test("TLS 1.1 is refused", async () => {
  const socket = connectTls({
    host: server.host,
    port: server.port,
    ca: pki.ca,
    servername: "keys.alpha.test",
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  await assert.rejects(once(socket, "secureConnect"), {
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
});

test("when the keyserver is full the connection that has been silent longest makes room", async () => {
  const http = { connections: 2, headersMs: MINUTE, idleMs: MINUTE };
  await using full = await startTestKeyserver(issued, { http });
  const { host, port } = full;
  const ended: string[] = [];
  const silent = async (name: string): Promise<Socket> => {
    const socket = connect({ host, port, localAddress: `127.0.30.${name}` });
    socket.on("error", () => undefined);
    socket.on("close", () => ended.push(name));
    await once(socket, "connect");
    return socket.resume();
  };
  const first = await silent("1");
  const second = await silent("2");
  const isServed = async (): Promise<boolean> => (await ask(full, pki, "/healthz")).status === 200;
  assert(!(await isServed()), "nobody has been silent for long");
  const late = performance.now() + MINUTE;
  while (!(await isServed())) assert(performance.now() < late, "silent strangers keep all out");
  assert.deepEqual(ended, ["1"]);
  first.destroy();
  second.destroy();
});
