import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makePki, type IssuedCertificate, type Pki } from "./pki.ts";
import { startStubKeyserver, type StubKeyserver } from "./stub-keyserver.ts";

const CERTIFICATE = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n";
const HIT = "/pks/lookup?op=get&search=Ada+x%40gnupg.test";

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-stub-"));
  pki = await makePki(dir);
  issued = await pki.issue(["keys.gnupg.test"]);
});
after(async () => rm(dir, { recursive: true }));

async function start(): Promise<StubKeyserver> {
  const certificates = { "ada+x@gnupg.test": CERTIFICATE };
  return startStubKeyserver({ host: "127.0.0.1", tls: issued, certificates });
}

type Answer = { status: number; location: string; body: string; isWhole: boolean };

/** What came within half a second. */
async function ask(server: StubKeyserver, path: string): Promise<Answer> {
  const answer = { status: 0, location: "", body: "", isWhole: false };
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const { host, port } = server;
  const options = { host, port, path, ca: pki.ca, servername: "keys.gnupg.test", agent: false };
  const outgoing = request(options, (incoming) => {
    answer.status = incoming.statusCode ?? 0;
    answer.location = incoming.headers.location ?? "";
    incoming.on("data", (chunk: Buffer) => {
      answer.body += chunk.toString().slice(0, 1000);
    });
    incoming.on("error", () => undefined);
    incoming.on("close", () => {
      resolve({ ...answer, isWhole: incoming.complete });
    });
  });
  outgoing.on("error", () => {
    resolve(answer);
  });
  const late = setTimeout(() => outgoing.destroy(), 500);
  outgoing.end();
  const result = await promise;
  clearTimeout(late);
  return result;
}

test("it serves the certificates it was given, by address", async () => {
  await using server = await start();
  assert.equal((await ask(server, HIT)).body, CERTIFICATE);
  assert.equal((await ask(server, "/pks/lookup?op=get&search=b@gnupg.test")).status, 404);
  server.publish("B@gnupg.test", CERTIFICATE);
  assert.equal((await ask(server, "/pks/lookup?op=get&search=b@gnupg.test")).status, 200);
  assert.equal(server.requests.length, 3);
  assert.equal(server.requests[0], HIT);
});

test("it behaves as badly as it is told", async () => {
  await using server = await start();
  server.behave({ kind: "status", status: 503, headers: { "Retry-After": "5" } });
  assert.equal((await ask(server, HIT)).status, 503);
  server.behave({ kind: "body", body: "<html>" });
  assert.equal((await ask(server, HIT)).body, "<html>");
  server.behave({ kind: "redirect", location: "https://evil.test/" });
  assert.equal((await ask(server, HIT)).location, "https://evil.test/");
  server.behave({ kind: "truncated" });
  const truncated = await ask(server, HIT);
  assert.equal(truncated.isWhole, false);
  assert.equal(truncated.body, CERTIFICATE.slice(0, CERTIFICATE.length / 2));
  for (const kind of ["silent", "reset"] as const) {
    server.behave({ kind });
    assert.equal((await ask(server, HIT)).status, 0);
  }
  for (const behaviour of [{ kind: "endless" }, { kind: "slow", byteEveryMs: 50 }] as const) {
    server.behave(behaviour);
    const answer = await ask(server, HIT);
    assert.equal(answer.isWhole, false);
    assert.notEqual(answer.body, "");
  }
});
