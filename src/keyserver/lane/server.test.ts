import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";

import { makePki, type IssuedCertificate, type Pki } from "../../../lab/pki.ts";
import { startHttps, type HttpsServer } from "./server.ts";
import type { WholeAnswer } from "./whole-answer.ts";

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-http-"));
  pki = await makePki(dir);
  issued = await pki.issue(["web.test"]);
});
after(async () => rm(dir, { recursive: true }));

type Answer = { readonly status: number; readonly body: string; readonly type: string };

/** One request by Node's own client. */
async function send(server: HttpsServer, path: string, body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const method = body === undefined ? "GET" : "POST";
  const { host, port } = server;
  const options = { host, port, path, method, ca: pki.ca, servername: "web.test", agent: false };
  const outgoing = request(options, (incoming) => {
    let text = "";
    incoming.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    incoming.on("end", () => {
      const type = String(incoming.headers["x-content-type-options"]);
      resolve({ status: incoming.statusCode ?? 0, body: text, type });
    });
  });
  outgoing.on("error", reject);
  outgoing.end(body);
  return promise;
}

const text = (body: string): WholeAnswer => ({ status: 200, headers: [], body });

test("an application's answers carry the security headers, its troubles tell nothing", async () => {
  const told: unknown[] = [];
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    failed: (error) => told.push(error),
    answer: ({ url, method }) => {
      if (url === "/fail") throw new Error("db1.internal is down");
      return text(method);
    },
  });
  assert.deepEqual(await send(server, "/"), { status: 200, body: "GET", type: "nosniff" });
  // Without a list of methods all are the application's to judge.
  assert.deepEqual(await send(server, "/", ""), { status: 200, body: "POST", type: "nosniff" });
  for (const body of [undefined, ""]) {
    const failed = await send(server, "/fail", body);
    assert.equal(failed.status, 503);
    assert.doesNotMatch(failed.body, /db1/);
    assert.equal(failed.type, "nosniff");
  }
  assert.equal(told.length, 2);
});

test("connections beyond the limit are dropped", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    limits: { connections: 1, closeMs: 200 },
    answer: () => text("ok"),
  });
  const first = connect({ host: server.host, port: server.port });
  await once(first, "connect");
  await assert.rejects(send(server, "/"));
  first.destroy();
});

test("one network does not keep the others out", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    limits: { connectionsPerNetwork: 2, closeMs: 200 },
    answer: () => text("ok"),
  });
  const { host, port } = server;
  const open = async (localAddress: string) => {
    const socket = connect({ host, port, localAddress });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  };
  const [first, second] = [await open("127.0.1.1"), await open("127.0.1.2")];
  await once(await open("127.0.1.3"), "close");
  assert.equal((await send(server, "/")).body, "ok");
  first.destroy();
  // The server hears of it a moment later.
  for (let isServed = false; !isServed;) {
    const socket = await open("127.0.1.4");
    const again = connectTls({ socket, ca: pki.ca, servername: "web.test" });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    again.on("error", () => undefined);
    again.once("secureConnect", () => {
      resolve(true);
    });
    again.once("close", () => {
      resolve(false);
    });
    isServed = await promise;
    again.destroy();
  }
  second.destroy();
});

test("a renewed certificate is used for new connections", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    answer: () => text("ok"),
  });
  const renewed = await pki.issue(["web.test", "new.test"]);
  server.useTls(renewed);
  const socket = connectTls({
    host: server.host,
    port: server.port,
    ca: pki.ca,
    servername: "new.test",
  });
  await once(socket, "secureConnect");
  assert.match(socket.getPeerCertificate().subjectaltname ?? "", /new\.test/);
  socket.destroy();
});

test("disposing lets a running request end, for a time", async () => {
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
  const { promise: answer, resolve: finish } = Promise.withResolvers<WholeAnswer>();
  const server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    answer: async () => {
      asked();
      return answer;
    },
  });
  const sent = send(server, "/");
  await isAsked;
  const disposed = server[Symbol.asyncDispose]();
  finish(text("done"));
  assert.equal((await sent).body, "done");
  await disposed;
});

test("a request that never ends does not keep a disposed server", async () => {
  const server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    limits: { closeMs: 100 },
    answer: () => text("ok"),
  });
  const { host, port } = server;
  const socket = connectTls({ host, port, ca: pki.ca, servername: "web.test" });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  socket.write("GET / HTTP/1.1\r\n");
  await server[Symbol.asyncDispose]();
});

test("HTTP/1.0 is served under its own name in ALPN, and HTTP/1.1 before it (RFC 7301 §3.2)", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    answer: ({ url }) => text(url),
  });
  for (const [offered, taken] of [
    [["http/1.0"], "http/1.0"],
    [["http/1.0", "http/1.1"], "http/1.1"],
  ] as const) {
    const { host, port } = server;
    const options = { host, port, ca: pki.ca, servername: "web.test", ALPNProtocols: [...offered] };
    const socket = connectTls(options);
    await once(socket, "secureConnect");
    assert.equal(socket.alpnProtocol, taken);
    socket.write("GET /old HTTP/1.0\r\n\r\n");
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    await once(socket, "close");
    assert.match(answer, /^HTTP\/1\.[01] 200 [\s\S]*\/old$/);
  }
});
