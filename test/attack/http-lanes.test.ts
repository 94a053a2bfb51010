/**
 * What strangers send that is no plain request: the fast lane has to leave it to Node's parser. Each text goes to both
 * ways of one server, and both must answer the same octets but for the date. Behind each comes a request that is well
 * formed, so that one who reads less or more than the other is seen.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { makePki, type Pki } from "../../lab/pki.ts";
import { startHttps, type HttpsServer } from "../../src/keyserver/lane/server.ts";

let dir: string;
let pki: Pki;
let server: HttpsServer;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-lanes-"));
  pki = await makePki(dir);
  server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: await pki.issue(["web.test"]),
    methods: ["GET", "HEAD", "OPTIONS"],
    headers: [["X-Of-All", "a"]],
    limits: { headersMs: 2000, requestMs: 2000, idleMs: 2000, closeMs: 100 },
    // What the application was told is what there is to compare.
    answer: ({ url, method, host }) => ({
      status: url.startsWith("/none") ? 404 : 200,
      headers: ["Content-Type", "text/plain"],
      body: JSON.stringify([method, url, host]),
      ...(url.startsWith("/named") ? { fileName: "a.txt", etag: "e" } : {}),
    }),
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const PLAIN = "GET /a?b=c HTTP/1.1\r\nHost: web.test\r\nAccept: */*\r\n\r\n";
const LAST = "GET /last HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n";
/** After it, a connection is with Node's server. */
const HAND_OVER = "OPTIONS /before HTTP/1.1\r\nHost: web.test\r\n\r\n";
const OF_HAND_OVER = '["OPTIONS","/before","web.test"]';

type Way = "fast" | "node";

/**
 * Everything that comes back for some octets, each piece a TLS record, and for the request behind them. That one is in the
 * last record: what a server has not read when it ends a connection may cost us its answer.
 */
async function sent(way: Way, pieces: readonly string[], isSlow = false): Promise<string> {
  const { host, port } = server;
  const socket = connect({ host, port, ca: pki.ca, servername: "web.test" });
  // A server may end a connection while we still write: that is an answer, not an error.
  socket.on("error", () => undefined);
  socket.setNoDelay(true);
  let got = "";
  socket.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  const isClosed = once(socket, "close", { signal: AbortSignal.timeout(20_000) });
  if (way === "node") {
    socket.write(HAND_OVER);
    while (!got.endsWith(OF_HAND_OVER)) await once(socket, "data");
    got = "";
  }
  for (const [at, piece] of pieces.entries()) {
    if (socket.destroyed) break;
    const { promise: isWritten, resolve: written } = Promise.withResolvers<void>();
    const behind = at === pieces.length - 1 ? LAST : "";
    socket.write(Buffer.from(piece + behind, "latin1"), () => {
      written();
    });
    if (!isSlow) continue;
    await Promise.race([isWritten, isClosed]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await isClosed;
  return got.replaceAll(/^Date: .*\r\n/gm, "");
}

/** What both ways answer; they must not differ. */
async function answerTo(text: string): Promise<string> {
  const [fast, node] = await Promise.all([sent("fast", [text]), sent("node", [text])]);
  assert.equal(fast, node, JSON.stringify(text));
  return fast;
}

/** Does them a few at a time. */
async function forAll<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

const statusesIn = (raw: string): readonly number[] =>
  [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

test("a plain request has the same answer both ways, to the byte: found, named, not found", async () => {
  for (const path of ["/a?b=c", "/named", "/none"]) {
    const raw = await answerTo(PLAIN.replace("/a?b=c", path));
    assert.equal(statusesIn(raw).length, 2, raw);
    assert(raw.includes(`["GET","${path}","web.test"]`));
  }
});

const field = (line: string): string => PLAIN.replace("Accept: */*", line);

const REFUSED: Readonly<Record<string, string>> = {
  "a bare CR in a value": field("Accept: a\rb"),
  "a bare CR that ends a line": PLAIN.replace("Host: web.test\r\n", "Host: web.test\r"),
  "a bare LF in a value": field("Accept: a\nb"),
  "a bare LF that ends a line": PLAIN.replace("Host: web.test\r\n", "Host: web.test\n"),
  "bare LFs alone": PLAIN.replaceAll("\r\n", "\n"),
  "a bare CR in the request line": PLAIN.replace(" HTTP", "\r HTTP"),
  "NUL in a value": field("Accept: a\0b"),
  "NUL in a name": field("Acc\0ept: a"),
  "NUL in the target": PLAIN.replace("/a", "/\0"),
  "NUL before the request": `\0${PLAIN}`,
  "a folded line": field("Accept: a\r\n b"),
  "a line folded by a tab": field("Accept: a\r\n\tb"),
  "a first line that is folded": PLAIN.replace("Host", " Host"),
  "a blank before the colon": field("Accept : a"),
  "a tab before the colon": field("Accept\t: a"),
  "a blank before the colon of Host": PLAIN.replace("Host:", "Host :"),
  "a blank before the colon of a length": field("Content-Length : 3"),
  "a line without a colon": field("Accept"),
  "no name before the colon": field(": a"),
  "a name with an octet above ASCII": field("Acc\u{e9}pt: a"),
  "Host twice, the same": PLAIN.replace("Accept: */*", "Host: web.test"),
  "Host twice, another": PLAIN.replace("Accept: */*", "hOST: evil.test"),
  "no Host": PLAIN.replace("Host: web.test\r\n", ""),
  "a chunked body with a length": field("Transfer-Encoding: chunked\r\nContent-Length: 3"),
  "chunked that is not the last coding": field("Transfer-Encoding: chunked, gzip"),
  "a length with a sign": field("Content-Length: +3"),
  "a negative length": field("Content-Length: -3"),
  "a length in hexadecimal": field("Content-Length: 0x3"),
  "two lengths": field("Content-Length: 3\r\nContent-Length: 4"),
  "a list of lengths": field("Content-Length: 3, 3"),
  "a method in lower case": PLAIN.replace("GET", "get"),
  "HTTP in lower case": PLAIN.replace("HTTP", "http"),
  "HTTP 9.9": PLAIN.replace("1.1", "9.9"),
  "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "no version": PLAIN.replace(" HTTP/1.1", ""),
  "a target above ASCII": PLAIN.replace("/a", "/\u{e9}\u{ff} x"),
  "authority form": PLAIN.replace("/a?b=c", "web.test:443"),
  "more than fits": field(`Accept: ${"a".repeat(20_000)}`),
};

for (const [what, text] of Object.entries(REFUSED)) {
  test(`refused both ways, and nothing behind it is read: ${what}`, async () => {
    const raw = await answerTo(text);
    const [status = 0, ...more] = statusesIn(raw);
    assert(status === 0 || (status >= 400 && status < 500), raw);
    assert.deepEqual(more, [], raw);
    assert.doesNotMatch(raw, /last/);
  });
}

const SERVED: Readonly<Record<string, string>> = {
  "absolute form": PLAIN.replace("/a", "https://web.test/a"),
  "asterisk form": PLAIN.replace("GET /a?b=c", "OPTIONS *"),
  "an empty line before": `\r\n${PLAIN}`,
  "HTTP/1.0 with Host": PLAIN.replace("1.1", "1.0").replace(
    "Accept",
    "Connection: keep-alive\r\nX",
  ),
  "Host with a tab before": PLAIN.replace("Host: ", "Host:\t"),
  "Host without a blank": PLAIN.replace("Host: ", "Host:"),
  "an empty value": field("Accept:"),
  "a value with octets above ASCII": field("User-Agent: \u{e9}\u{ff}"),
  "a value with a tab": field("User-Agent: a\tb"),
  "a length of 0": field("Content-Length: 0"),
  "a field that decides about the answer": field("If-None-Match: *"),
  "two at once": PLAIN + PLAIN,
  "many fields": field(Array.from({ length: 90 }, (_, at) => `X-${String(at)}: y`).join("\r\n")),
  "a quoted and a backslashed target": PLAIN.replace("/a", '/"\\'),
};

for (const [what, text] of Object.entries(SERVED)) {
  test(`served both ways, and what is behind it is read: ${what}`, async () => {
    const raw = await answerTo(text);
    assert(statusesIn(raw).length >= 2, raw);
    assert.match(raw, /\["GET","\/last","web\.test"\]$/);
  });
}

test("a body that comes with GET is not read, and what stands behind it is no request", async () => {
  for (const text of [
    `${field("Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`,
    `${field("Transfer-Encoding: chunked")}zz\r\n`,
    `${field("Transfer-Encoding: gzip")}abc`,
    `${field("Content-Length: 3")}abc`,
    field("Content-Length: 3"),
    field(`Content-Length: ${String(LAST.length)}`),
  ]) {
    const raw = await answerTo(text);
    assert.equal(statusesIn(raw).length, 1, raw);
    assert.doesNotMatch(raw, /last/);
  }
});

test("a request in two TLS records, cut at every octet, and one with a record for each", async () => {
  const whole = await answerTo(PLAIN);
  const cuts = Array.from({ length: PLAIN.length - 1 }, (_, at) => at + 1);
  for (const isSlow of [false, true]) {
    await forAll(cuts, async (at) => {
      const pieces = [PLAIN.slice(0, at), PLAIN.slice(at)];
      assert.equal(await sent("fast", pieces, isSlow), whole, `cut at ${String(at)}`);
    });
    assert.equal(await sent("fast", Array.from(PLAIN), isSlow), whole);
    assert.equal(await sent("node", Array.from(PLAIN), isSlow), whole);
  }
});

test("a refused request in two TLS records, cut at every octet, is refused", async () => {
  const bad = PLAIN.replace("Accept: */*", "Accept: a\r b");
  const cuts = Array.from({ length: bad.length - 1 }, (_, at) => at + 1);
  await forAll(cuts, async (at) => {
    const raw = await sent("fast", [bad.slice(0, at), bad.slice(at)]);
    assert.deepEqual(statusesIn(raw), [400], `cut at ${String(at)}`);
  });
});

test("an odd octet at every place of a request: both ways read it alike", async () => {
  const odd = ["\r", "\n", "\r\n", "\0", " ", "\t", ":", "\u{7f}", "\u{ff}"];
  const changed = odd.flatMap((octet) =>
    Array.from(
      { length: PLAIN.length + 1 },
      (_, at) => PLAIN.slice(0, at) + octet + PLAIN.slice(at),
    ),
  );
  await forAll(changed, async (text) => {
    await answerTo(text);
  });
});

test("a request without an octet, at every place: both ways read it alike", async () => {
  const shorter = Array.from(PLAIN, (_, at) => PLAIN.slice(0, at) + PLAIN.slice(at + 1));
  await forAll(shorter, async (text) => {
    await answerTo(text);
  });
});
