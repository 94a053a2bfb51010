import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";

import { makePki, type IssuedCertificate, type Pki } from "../../../lab/pki.ts";
import { startHttps, type HttpsServer } from "./server.ts";
import type { WholeAnswer } from "./whole-answer.ts";

let dir: string;
let pki: Pki;
let tls: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-lane-"));
  pki = await makePki(dir);
  tls = await pki.issue(["web.test"]);
});
after(async () => rm(dir, { recursive: true }));

const textHeaders = ["Content-Type", "text/plain"];
const text = (body: string): WholeAnswer => ({ status: 200, headers: textHeaders, body });
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: web.test\r\n\r\n`;

/** A client that collects what comes, and waits until there is enough of it. */
class Client implements Disposable {
  readonly socket: TLSSocket;
  text = "";
  readonly isClosed: Promise<unknown>;

  constructor({ host, port }: HttpsServer) {
    this.socket = connect({ host, port, ca: pki.ca, servername: "web.test" });
    this.socket.on("error", () => undefined);
    this.socket.on("data", (chunk: Buffer) => {
      this.text += chunk.toString("latin1");
    });
    this.isClosed = once(this.socket, "close");
  }

  async until(what: RegExp): Promise<void> {
    while (!what.test(this.text)) await once(this.socket, "data");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

async function start(
  answer: (url: string) => WholeAnswer | Promise<WholeAnswer>,
  more: { readonly idleMs?: number; readonly failed?: (error: unknown) => void } = {},
): Promise<HttpsServer> {
  const { idleMs = 5000, failed = () => undefined } = more;
  return startHttps({
    host: "127.0.0.1",
    port: 0,
    tls,
    methods: ["GET", "HEAD"],
    limits: { idleMs, closeMs: 2000 },
    failed,
    answer: ({ url, method }) => (method === "HEAD" ? text("head") : answer(url)),
  });
}

test("plain requests are answered one after the other on one connection, text and octets", async () => {
  await using server = await start((url) =>
    url === "/octets"
      ? { status: 200, headers: textHeaders, body: Buffer.from("\u{e4}\r\n") }
      : text(`[${url}]`),
  );
  using client = new Client(server);
  client.socket.write(get("/a"));
  await client.until(/\[\/a\]$/);
  client.socket.write(get("/octets"));
  await client.until(/\u{c3}\u{a4}\r\n$/u);
  client.socket.write(get("/b"));
  await client.until(/\[\/b\]$/);
  assert.equal(client.text.match(/HTTP\/1\.1 200 OK\r$/gm)?.length, 3);
  assert.match(client.text, /^Content-Length: 4\r$/m);
  assert.match(client.text, /^X-Content-Type-Options: nosniff\r$/m);
  assert.match(client.text, /^Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r$/m);
});

test("what is not plain goes to Node's server, on the same connection, and nothing is lost", async () => {
  await using server = await start((url) => text(`[${url}]`));
  using client = new Client(server);
  client.socket.write(get("/plain"));
  await client.until(/\[\/plain\]$/);
  // Two and a half at once.
  client.socket.write(get("/one") + get("/two") + get("/three").slice(0, 10));
  await client.until(/\[\/two\]$/);
  client.socket.write(get("/three").slice(10));
  await client.until(/\[\/three\]$/);
  client.socket.write("HEAD / HTTP/1.1\r\nHost: web.test\r\n\r\n");
  await client.until(/Content-Length: 4\r\n(?:.+\r\n)*\r\n$/);
  client.socket.write("POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 9\r\n\r\n");
  await client.isClosed;
  assert.match(client.text, /HTTP\/1\.1 405/);
  const order = [...client.text.matchAll(/\[(\/\w+)\]/g)].map(([, path]) => path);
  assert.deepEqual(order, ["/plain", "/one", "/two", "/three"]);
});

test("requests in many TLS records at once keep their order, and nothing is lost", async () => {
  await using server = await start((url) => text(`[${url}]`));
  const paths = Array.from({ length: 1200 }, (_, at) => `/${String(at)}`);
  // The connection is given up at the first octets, while the others are on their way up.
  for (const first of ["", get("/plain"), "GET /half HTTP/1.1\r\n"]) {
    using client = new Client(server);
    const rest = first.startsWith("GET /half") ? "Host: web.test\r\n\r\n" : "";
    client.socket.write(first + rest + paths.map(get).join(""));
    await client.until(/\[\/1199\]$/);
    const came = [...client.text.matchAll(/\[(\/\d+)\]/g)].map(([, path]) => path);
    assert.deepEqual(came, paths);
  }
});

test("answers keep their order when the next request comes before a late answer", async () => {
  const { promise: slow, resolve: finish } = Promise.withResolvers<WholeAnswer>();
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
  await using server = await start((url) => {
    if (url !== "/slow") return text(`[${url}]`);
    asked();
    return slow;
  });
  using client = new Client(server);
  client.socket.write(get("/slow"));
  await isAsked;
  client.socket.write(get("/next"));
  using other = new Client(server);
  other.socket.write(get("/other"));
  await other.until(/\[\/other\]$/);
  finish(text("[/slow]"));
  await client.until(/\[\/next\]$/);
  assert.match(client.text, /\[\/slow\][^]*\[\/next\]/);
});

test("what is unreadable behind a request does not overtake its answer, and ends the connection", async () => {
  const { promise: slow, resolve: finish } = Promise.withResolvers<WholeAnswer>();
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
  await using server = await start(() => {
    asked();
    return slow;
  });
  using client = new Client(server);
  client.socket.write(`${get("/slow")}\0\0\0`);
  await isAsked;
  // The server has read it all by now: it answers another one.
  using other = new Client(server);
  other.socket.write("HEAD / HTTP/1.1\r\nHost: web.test\r\n\r\n");
  await other.until(/Content-Length: 4\r\n/);
  finish(text("[/slow]"));
  await client.isClosed;
  assert.match(client.text, /^HTTP\/1\.1 200 [^]*\[\/slow\]$/);
});

test("trouble is 503 and tells nothing, at once or late, and the connection goes on", async () => {
  const told: unknown[] = [];
  const failed = (error: unknown): number => told.push(error);
  await using server = await start(
    (url) => {
      if (url === "/late") return Promise.reject(new Error("db1.internal"));
      if (url === "/now") throw new Error("db1.internal");
      return text("[fine]");
    },
    { failed },
  );
  using client = new Client(server);
  for (const path of ["/late", "/now", "/fine"]) {
    client.socket.write(get(path));
    await client.until(path === "/fine" ? /\[fine\]$/ : /later\n$/);
    if (path !== "/fine") assert.match(client.text, /^HTTP\/1\.1 503 /);
    assert.doesNotMatch(client.text, /db1/);
    if (path !== "/fine") client.text = "";
  }
  assert.equal(told.length, 2);
});

test("a silent client is let go, and a disposed server keeps none", async () => {
  const server = await start(() => text("[x]"), { idleMs: 100 });
  using client = new Client(server);
  client.socket.write(get("/"));
  await client.isClosed;
  assert.match(client.text, /\[x\]$/);
  using silent = new Client(server);
  await once(silent.socket, "secureConnect");
  await server[Symbol.asyncDispose]();
  await silent.isClosed;
});
