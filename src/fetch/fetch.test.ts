import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { type IssueOptions, type Pki, makePki } from "../../lab/pki.ts";
import { HOSTILE, answer, startBroken, startHostile } from "../../test/support/hostile-https.ts";
import type { DnsAnswer, Resolver } from "../dns/dns.ts";
import { httpsGet } from "./fetch.ts";
import type { FetchDeps, GetRequest, GetResult } from "./request.ts";

const ADDRESS = "127.0.0.2";
const NAME = "keys.alpha.test";
const LIMITS = {
  connectMs: 300,
  tlsMs: 300,
  firstByteMs: 300,
  bodyMs: 300,
  totalMs: 1000,
  bodyBytes: 4096,
};
/** What a request may take at most under these limits, with some air for a busy machine. */
const SLOWEST_MS = 2500;

let dir = "";
let pki: Pki;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-fetch-"));
  pki = await makePki(dir);
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

function resolverOf(addresses: readonly string[]): Resolver {
  const found: DnsAnswer<string> = {
    kind: "answer",
    records: addresses,
    dnssec: "secure",
    ttlSeconds: 60,
    ede: [],
  };
  return {
    srv: () => Promise.reject(new Error("not asked")),
    addresses: async () => found,
  };
}

function get(
  request: Partial<GetRequest> & { readonly port: number },
  deps: Partial<FetchDeps> = {},
): Promise<GetResult> {
  return httpsGet({
    resolver: resolverOf([ADDRESS]),
    ca: pki.ca,
    allowNetworks: ["127.0.0.0/8"],
    ports: [],
    limits: LIMITS,
    ...deps,
  })({ host: NAME, path: "/pks/lookup?op=get", accept: "application/pgp-keys", ...request });
}

const serve = async (names: readonly string[] = [NAME], options: IssueOptions = {}) =>
  await startHostile(ADDRESS, await pki.issue(names, options), answer(200, "hello"));

const outcome = (result: GetResult) =>
  result.kind === "response" ? Buffer.from(result.body).toString() : "failed";

test("a request names the host, asks for no compression, and brings back status, header and body", async () => {
  await using server = await serve();
  server.behaviour = answer(200, "hello", ["Cache-Control: max-age=300", "X-A: 1", "X-A: 2"]);
  const result = await get({ port: server.port });
  assert(result.kind === "response");
  assert.equal(result.status, 200);
  assert.equal(outcome(result), "hello");
  assert.equal(result.headers.get("cache-control"), "max-age=300");
  assert.equal(result.headers.get("x-a"), "1, 2");
  assert.deepEqual(server.requests[0]?.trimEnd().split("\r\n").toSorted(), [
    "Accept-Encoding: identity",
    "Accept: application/pgp-keys",
    "Connection: close",
    "GET /pks/lookup?op=get HTTP/1.1",
    `Host: ${NAME}:${server.port}`,
    "User-Agent: sealpost/1",
  ]);
});

for (const [name, behaviour] of Object.entries(HOSTILE)) {
  test(`a server that ${name} gives no answer, in bounded time`, async () => {
    await using server = await serve();
    server.behaviour = behaviour;
    const begun = performance.now();
    const result = await get({ port: server.port });
    assert.equal(result.kind, "failed", outcome(result));
    assert(performance.now() - begun < SLOWEST_MS);
  });
}

test("an answer that is known is asked for by its ETag, and 304 is brought back as it is", async () => {
  await using server = await serve();
  server.behaviour = answer(304, "", ['ETag: "7-a"']);
  const result = await get({ port: server.port, ifNoneMatch: '"7-a"' });
  assert(result.kind === "response");
  assert.deepEqual([result.status, result.body.length], [304, 0]);
  assert.match(server.requests[0] ?? "", /^If-None-Match: "7-a"\r$/m);
});

test("a body of exactly the limit is taken, one octet more is not", async () => {
  await using server = await serve();
  server.behaviour = answer(200, "x".repeat(4096));
  assert.equal(outcome(await get({ port: server.port })).length, 4096);
  server.behaviour = `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(4097)}`;
  assert.equal(outcome(await get({ port: server.port })), "failed");
});

test("a redirect to the same host and port is followed, at most twice", async () => {
  await using server = await serve();
  const { requests } = server;
  server.behaviour = (socket) => {
    const last = requests.length > 2;
    const location = `Location: https://${NAME}:${server.port}/${requests.length}?a=b`;
    socket.end(last ? answer(200, "there") : answer(308, "", [location]));
  };
  assert.equal(outcome(await get({ port: server.port })), "there");
  assert.match(requests[2] ?? "", /^GET \/2\?a=b HTTP/);
});

const CERTIFICATES: readonly [what: string, names: string[], options: IssueOptions, ok: boolean][] =
  [
    ["for the host", [NAME], {}, true],
    ["for the host among others", ["x.test", NAME], {}, true],
    ["with a wildcard as left-most label", ["*.alpha.test"], {}, true],
    ["for the mail domain", ["alpha.test"], {}, true],
    ["for another name", ["keys.evil.test"], {}, false],
    ["for a name above", ["test"], {}, false],
    ["with a wildcard over two labels", ["*.test"], {}, false],
    ["with a wildcard in a label", ["k*.alpha.test"], {}, false],
    ["with the host in the common name only", ["x.test"], { commonName: NAME }, false],
    ["with the host in the common name and no other", [], { commonName: NAME }, false],
    ["that has expired", [NAME], { isExpired: true }, false],
    ["that it signed itself", [NAME], { isSelfSigned: true }, false],
  ];

for (const [what, names, options, isAccepted] of CERTIFICATES) {
  test(`a certificate ${what} is ${isAccepted ? "accepted" : "refused"}`, async () => {
    await using server = await serve(names, options);
    const result = await get({ port: server.port, alsoNamed: ["alpha.test"] });
    assert.equal(outcome(result), isAccepted ? "hello" : "failed");
    assert.equal(server.requests.length, isAccepted ? 1 : 0);
  });
}

test("a certificate of an authority nobody told us of is refused", async () => {
  await using server = await serve();
  const other = await makePki(join(dir, "other"));
  assert.equal(outcome(await get({ port: server.port }, { ca: other.ca })), "failed");
});

test("TLS 1.1 is refused", async () => {
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
  await using server = await startHostile(
    ADDRESS,
    { ...(await pki.issue([NAME])), ...old },
    answer(200, "hello"),
  );
  assert.equal(outcome(await get({ port: server.port })), "failed");
});

for (const isSilent of [true, false]) {
  test(`a port that ${isSilent ? "accepts and is silent" : "resets"} gives no answer`, async () => {
    await using server = await startBroken(ADDRESS, isSilent);
    assert.equal(outcome(await get({ port: server.port })), "failed");
  });
}

test("an address that is not public is not connected to, unless it is listed", async () => {
  await using server = await serve();
  const closed = await get({ port: server.port }, { allowNetworks: [] });
  assert(closed.kind === "failed" && closed.reason.includes("no public address"));
  assert.equal(
    outcome(await get({ port: server.port }, { allowNetworks: ["127.0.0.2/32"] })),
    "hello",
  );
});

test("only the addresses that may be connected to are, and the next one follows a dead one", async () => {
  await using server = await serve();
  const resolver = resolverOf(["10.0.0.1", "::1", "127.0.0.9", ADDRESS]);
  assert.equal(outcome(await get({ port: server.port }, { resolver })), "hello");
});

test("addresses that cannot be found for certain are not connected to", async () => {
  const addresses = async () => ({ kind: "indeterminate", reason: "SERVFAIL", ede: [6] }) as const;
  const resolver = { ...resolverOf([]), addresses };
  assert.equal(outcome(await get({ port: 443 }, { resolver })), "failed");
});

test("a port that strangers' mail may not make us use is refused, unless it is listed", async () => {
  await using server = await serve();
  const { port } = server;
  assert.equal(outcome(await get({ port, isForIncoming: true })), "failed");
  assert.equal(outcome(await get({ port, isForIncoming: true }, { ports: [port] })), "hello");
});

test("a port of another protocol is refused to everybody", async () => {
  for (const port of [0, 22, 25, 465, 587, 993, 6000, 6667, 65_536]) {
    const result = await get({ port });
    assert(result.kind === "failed" && result.isOurs === true, `port ${port}`);
  }
});

test("a budget that is used up stops what incoming mail asks, and nothing else", async () => {
  await using server = await serve();
  const { port } = server;
  const refused = { kind: "failed", reason: "too many look-ups", isOurs: true } as const;
  const deps = { ports: [port], admit: async () => Promise.resolve(refused) };
  assert.equal(outcome(await get({ port, isForIncoming: true }, deps)), "failed");
  assert.equal(outcome(await get({ port }, deps)), "hello");
});

test("the caller can break off", async () => {
  await using server = await serve();
  server.behaviour = () => undefined;
  const result = await get({ port: server.port, signal: AbortSignal.timeout(50) });
  assert.equal(result.kind, "failed");
});
