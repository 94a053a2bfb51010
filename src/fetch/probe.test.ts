import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makePki, type IssueOptions, type Pki } from "../../lab/pki.ts";
import { type StubKeyserver, startStubKeyserver } from "../../lab/stub-keyserver.ts";
import { SECOND } from "../base/time.ts";
import type { Resolver } from "../dns/dns.ts";
import { httpsProbe, type TlsView } from "./probe.ts";

const HOST = "127.0.0.2";
let dir = "";
let pki: Pki;
let server: StubKeyserver;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-probe-"));
  pki = await makePki(dir);
  server = await start(["keys.alpha.test"]);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function start(names: readonly string[], options: IssueOptions = {}) {
  const tls = await pki.issue(names, options);
  return await startStubKeyserver({ host: HOST, tls, certificates: {} });
}

const resolver: Resolver = {
  srv: () => Promise.reject(new Error("not asked here")),
  addresses: async (host) =>
    host === "nowhere.test"
      ? { kind: "empty", dnssec: "secure", ttlSeconds: 1, ede: [] }
      : { kind: "answer", records: [HOST], dnssec: "secure", ttlSeconds: 1, ede: [] },
};

function probe(allowNetworks: readonly string[] = ["127.0.0.0/8"]) {
  const limits = { connectMs: SECOND, tlsMs: SECOND };
  return httpsProbe({ resolver, ca: pki.ca, allowNetworks, ports: [], limits });
}

async function look(port: number, host = "keys.alpha.test"): Promise<TlsView> {
  const views = await probe().tls({ host, port });
  assert(typeof views !== "string");
  const [view] = views;
  assert(view);
  return view;
}

test("a good certificate is seen with its names, its end and its key", async () => {
  const view = await look(server.port);
  assert(view.kind === "seen");
  assert.equal(view.distrust, undefined);
  assert.equal(view.names, "keys.alpha.test");
  assert(view.isNamed("keys.alpha.test") && !view.isNamed("alpha.test"));
  const issued = await pki.issue(["any.test"]);
  assert.equal(
    view.validUntil.getUTCDate(),
    new X509Certificate(issued.cert).validToDate.getUTCDate(),
  );
  assert.equal(view.spkiSha256.length, createHash("sha256").digest().length);
});

const FAULTS: readonly [string, IssueOptions, RegExp][] = [
  ["that it signed itself", { isSelfSigned: true }, /SELF_SIGNED|UNABLE|self.signed|unable/i],
  ["that has expired", { isExpired: true }, /expired/i],
];
for (const [what, options, reason] of FAULTS) {
  test(`a certificate ${what} is seen and distrusted`, async () => {
    await using other = await start(["keys.alpha.test"], options);
    const view = await look(other.port);
    assert(view.kind === "seen");
    assert.match(view.distrust ?? "", reason);
  });
}

test("a closed port, a private network and a missing address are reasons, not errors", async () => {
  const gone = await start(["keys.alpha.test"]);
  await gone[Symbol.asyncDispose]();
  const closed = await look(gone.port);
  assert(closed.kind === "unseen");
  assert.match(closed.reason, /ECONNREFUSED/);
  const place = { host: "keys.alpha.test", port: server.port };
  assert.equal(await probe([]).tls(place), "the host has no public address");
  assert.equal(await probe().tls({ ...place, host: "nowhere.test" }), "the host has no address");
  assert.equal(await probe().tls({ ...place, port: 25 }), "port 25 is not allowed");
});

test("a request is made with its method, and only to addresses that look-ups may use", async () => {
  const place = { host: "keys.alpha.test", port: server.port, path: "/pks/add" };
  server.behave({ kind: "status", status: 405 });
  const posted = await probe().request({ ...place, method: "POST" });
  assert(posted.kind === "response");
  assert.equal(posted.status, 405);
  const refused = await probe([]).request({ ...place, method: "POST" });
  assert.deepEqual(refused, { kind: "failed", reason: "the host has no public address" });
});
