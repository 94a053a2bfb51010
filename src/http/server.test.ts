import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { startHttp, startHttps, type HttpsServer } from "./server.ts";

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

test("an application's answers carry the security headers, its troubles tell nothing", async () => {
  const told: unknown[] = [];
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    failed: (error) => told.push(error),
    fetch: async (incoming) => {
      if (incoming.url.endsWith("/fail")) throw new Error("db1.internal is down");
      return new Response(await incoming.text());
    },
  });
  assert.deepEqual(await send(server, "/echo", "héllo"), {
    status: 200,
    body: "héllo",
    type: "nosniff",
  });
  const failed = await send(server, "/fail");
  assert.equal(failed.status, 500);
  assert.doesNotMatch(failed.body, /db1/);
  assert.equal(failed.type, "nosniff");
  assert.equal(told.length, 1);
});

test("connections beyond the limit are dropped", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    limits: { connections: 1, closeMs: 200 },
    fetch: () => new Response("ok"),
  });
  const first = connect({ host: server.host, port: server.port });
  await once(first, "connect");
  await assert.rejects(send(server, "/"));
  first.destroy();
});

test("a renewed certificate is used for new connections", async () => {
  await using server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    fetch: () => new Response("ok"),
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
  const { promise: answer, resolve: finish } = Promise.withResolvers<Response>();
  const server = await startHttps({
    host: "127.0.0.1",
    port: 0,
    tls: issued,
    fetch: async () => {
      asked();
      return answer;
    },
  });
  const sent = send(server, "/");
  await isAsked;
  const disposed = server[Symbol.asyncDispose]();
  finish(new Response("done"));
  assert.equal((await sent).body, "done");
  await disposed;
});

test("a request that never ends does not keep a disposed server", async () => {
  const server = await startHttp({
    host: "127.0.0.1",
    port: 0,
    limits: { closeMs: 100 },
    fetch: () => new Response("ok"),
  });
  const socket = connect({ host: server.host, port: server.port });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write("GET / HTTP/1.1\r\n");
  await server[Symbol.asyncDispose]();
});
