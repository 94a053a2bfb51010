/** Faults of DNS, TLS and keyservers, on real ones: a fault is never an absence, which might be sent in clear. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { type LabDns, startDns } from "../../lab/dns.ts";
import { faultZones } from "../../lab/fault-zones.ts";
import { type IssueOptions, type Pki, makePki } from "../../lab/pki.ts";
import { buildZones } from "../../lab/zones.ts";
import { armoredText } from "../../test/support/armored-text.ts";
import { address } from "../../test/support/discovery-world.ts";
import {
  HOSTILE,
  type HostileServer,
  answer,
  startHostile,
} from "../../test/support/hostile-https.ts";
import { listCache } from "../../test/support/stored-rows.ts";
import { systemClock } from "../base/time.ts";
import { stubResolver } from "../dns/stub.ts";
import { httpsGet } from "../fetch/fetch.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openStore } from "../store/store.ts";
import { makeDiscover } from "./discovery.ts";

const KEYSERVER = "127.0.0.2";
const LIMITS = { connectMs: 300, tlsMs: 300, firstByteMs: 300, bodyMs: 300, totalMs: 2000 };

let dir = "";
let dns: LabDns;
let pki: Pki;
let server: HostileServer;
let good: Uint8Array;
let evil: Uint8Array;
let cut: Uint8Array;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-faults-"));
  pki = await makePki(join(dir, "pki"));
  server = await startHostile(KEYSERVER, await pki.issue(["keys.faults.test"]));
  const at = { address: KEYSERVER, port: server.port, closedPort: 1024 };
  const zones = await buildZones({ dir, providers: [], extra: faultZones(at) });
  dns = await startDns({ zones });
  const armored = async (of: string) => {
    const options = { address: address(of), profile: "compat", now: systemClock.now() } as const;
    return armoredText((await generateKey(options)).certificate);
  };
  const bobs = await armored("bob@good.faults.test");
  good = answer(200, bobs);
  cut = answer(200, bobs.slice(0, bobs.length / 2));
  evil = answer(200, await armored("bob@evil.test"));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

type Changes = { readonly resolverPort?: number; readonly allowNetworks?: readonly string[] };

/** What a new process finds out about an address, and whether it kept anything. */
async function discover(of: string, changes: Changes = {}): Promise<string> {
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  const port = changes.resolverPort ?? dns.resolver.port;
  const resolver = stubResolver({
    host: "127.0.0.1",
    port,
    timeoutMs: 1000,
    isTrusted: () => true,
  });
  const allowNetworks = changes.allowNetworks ?? ["127.0.0.0/8"];
  const discoverer = makeDiscover({
    store,
    resolver,
    get: httpsGet({ resolver, ca: pki.ca, allowNetworks, ports: [], limits: LIMITS }),
    clock: systemClock,
    isLocal: () => false,
    local: async () => undefined,
    random: () => 0,
  });
  const { kind, code } = await discoverer.discover(address(of));
  assert.equal((await listCache(store)).length, kind === "found" ? 1 : 0);
  return `${kind} ${code}`;
}

test("without a fault the certificate is found", async () => {
  server.behaviour = good;
  assert.equal(await discover("bob@good.faults.test"), "found OK");
});

const DNS_FAULTS = {
  "a changed SRV record": "bob@bogus.test",
  "expired signatures": "bob@expired.test",
  "removed signatures": "bob@stripped.test",
  "a forged, unsigned NXDOMAIN in a signed zone": "bob@nosuch.stripped.test",
  "signatures by a key that the parent does not name": "bob@badds.test",
  "an alias into a forged zone": "bob@crossbogus.faults.test",
} as const;

for (const [fault, of] of Object.entries(DNS_FAULTS)) {
  test(`${fault} leaves it unsure`, async () => {
    const asked = server.requests.length;
    assert.equal(await discover(of), "unreachable UNSURE-DNS");
    assert.equal(server.requests.length, asked);
  });
}

test("a resolver that is gone leaves it unsure", async () => {
  const answered = await discover("bob@good.faults.test", { resolverPort: 1 });
  assert.equal(answered, "unreachable UNSURE-DNS");
});

const TARGET_FAULTS = {
  "an address as target": "bob@literal.faults.test",
  "a single label as target": "bob@single.faults.test",
  "port 25": "bob@port25.faults.test",
  "port 0": "bob@port0.faults.test",
  "a target without address": "bob@nowhere.faults.test",
  "a target with a forged address": "bob@bogus.faults.test",
  "a target with a private address": "bob@private.faults.test",
  "a target that is our own host by IPv6": "bob@loopback6.faults.test",
  "a target that is our own host by an embedded address": "bob@mapped.faults.test",
  "a target where nobody listens": "bob@closed.faults.test",
} as const;

for (const [fault, of] of Object.entries(TARGET_FAULTS)) {
  test(`${fault} leaves it unsure, and nothing is sent`, async () => {
    server.behaviour = good;
    const asked = server.requests.length;
    assert.equal(await discover(of), "unreachable UNSURE-KS");
    assert.equal(server.requests.length, asked);
  });
}

test("a target on loopback is not connected to, unless the operator lists the network", async () => {
  server.behaviour = good;
  const asked = server.requests.length;
  const answered = await discover("bob@good.faults.test", { allowNetworks: [] });
  assert.equal(answered, "unreachable UNSURE-KS");
  assert.equal(server.requests.length, asked);
});

test("after a first target that is down the second one's answer counts", async () => {
  server.behaviour = evil;
  assert.equal(await discover("bob@two.faults.test"), "unreachable BADKEY");
  server.behaviour = answer(404);
  assert.equal(await discover("bob@two.faults.test"), "absent NOKEY");
});

test("a proven alias leads to the keyserver, one into an unsigned zone to nobody", async () => {
  server.behaviour = answer(404);
  assert.equal(await discover("bob@alias.faults.test"), "absent NOKEY");
  assert.equal(await discover("bob@crossinsec.faults.test"), "absent INSEC");
});

for (const [name, behaviour] of Object.entries(HOSTILE)) {
  test(`a keyserver that ${name} leaves it unsure`, async () => {
    server.behaviour = behaviour;
    assert.equal(await discover("bob@good.faults.test"), "unreachable UNSURE-KS");
  });
}

const ANSWERS = {
  "a web page": () => answer(200, "<!DOCTYPE html><p>No results found: not found"),
  "a cut certificate": () => cut,
  "status 500": () => answer(500, "error"),
  "status 503 with Retry-After": () => answer(503, "", ["Retry-After: 1"]),
  "status 429": () => answer(429),
  "status 403": () => answer(403, "not found"),
} as const;

for (const [what, behaviour] of Object.entries(ANSWERS)) {
  test(`a keyserver that answers ${what} leaves it unsure`, async () => {
    server.behaviour = behaviour();
    assert.equal(await discover("bob@good.faults.test"), "unreachable UNSURE-KS");
  });
}

test("somebody else's certificate is refused, and is no absence", async () => {
  server.behaviour = evil;
  assert.equal(await discover("bob@good.faults.test"), "unreachable BADKEY");
});

const TLS_FAULTS: readonly [what: string, names: string[], options: IssueOptions][] = [
  ["for another name", ["keys.evil.test"], {}],
  ["that it signed itself", ["keys.own.test"], { isSelfSigned: true }],
  ["that has expired", ["keys.own.test"], { isExpired: true }],
];

for (const [what, names, options] of TLS_FAULTS) {
  test(`a keyserver with a certificate ${what} leaves it unsure`, async () => {
    await using impostor = await startHostile(KEYSERVER, await pki.issue(names, options), good);
    const extra = [
      {
        name: "own.test",
        signing: "signed",
        records: [`keys IN A ${KEYSERVER}`, `_hkp._tcp IN SRV 0 0 ${impostor.port} keys`],
      } as const,
    ];
    const folder = await mkdtemp(join(dir, "tls-"));
    await using own = await startDns({
      zones: await buildZones({ dir: folder, providers: [], extra }),
    });
    const answered = await discover("bob@own.test", { resolverPort: own.resolver.port });
    assert.equal(answered, "unreachable UNSURE-KS");
    assert.equal(impostor.requests.length, 0);
  });
}
