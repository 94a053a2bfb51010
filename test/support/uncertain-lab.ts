/**
 * Recipients whose state is uncertain, each for another reason, on real DNS, TLS and keyservers. All faults are there until
 * `mendAll`; from then on every recipient's keyserver answers with their certificate.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startDns } from "../../lab/dns.ts";
import { faultZones } from "../../lab/fault-zones.ts";
import { makePki } from "../../lab/pki.ts";
import type { LabZone } from "../../lab/zone.ts";
import { buildZones } from "../../lab/zones.ts";
import { after, HOUR, SECOND } from "../../src/base/time.ts";
import { makeDiscover } from "../../src/discovery/discovery.ts";
import type { Resolver } from "../../src/dns/dns.ts";
import { stubResolver } from "../../src/dns/stub.ts";
import { httpsGet } from "../../src/fetch/fetch.ts";
import { inLanes } from "../../src/fetch/guarded.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { addressOf } from "./address.ts";
import { armoredText } from "./armored-text.ts";
import type { Options } from "./deferral-world.ts";
import { fakeClock } from "./clock.ts";
import { answer, type Behaviour, HOSTILE, startBroken, startHostile } from "./hostile-https.ts";
import { udpServer } from "./udp-dns.ts";

const HOST = "127.0.0.2";
const KEYSERVER = "keys.faults.test";
/** While there are faults. Time limits at their real length have a test of their own. */
const HURRIED = { connectMs: 300, tlsMs: 300, firstByteMs: 300, bodyMs: 300, totalMs: 1000 };

/** Somebody whose state is uncertain, and why. */
export type Doubted = {
  readonly fault: string;
  readonly address: string;
  readonly key: UnlockedKey;
  /** Uncertain only while the way to the resolver is broken like this. */
  readonly way?: BrokenWay;
};

const BROKEN_WAYS = ["is gone", "says nothing", "cuts packets and drops TCP"] as const;
export type BrokenWay = (typeof BROKEN_WAYS)[number];

/** Names of zones that are broken as a whole, and of those within that of the faults. */
const BROKEN_ZONES = {
  "an altered SRV record": ["bogus.test", "tampered"],
  "expired signatures": ["expired.test", "expired"],
  "removed signatures": ["stripped.test", "stripped"],
  "signatures by a key that the parent does not name": ["badds.test", "other-key"],
} as const;
const TARGETS = {
  "an alias into a forged zone": "crossbogus",
  "an alias that leads to itself": "circle",
  "an address as target": "literal",
  "a single label as target": "single",
  "port 25": "port25",
  "port 0": "port0",
  "a target without address": "nowhere",
  "a target with a forged address": "bogus",
  "a target with a private address": "private",
  "a target that is our own host by IPv6": "loopback6",
  "a target that is our own host by an embedded address": "mapped",
  "a target where nobody listens": "closed",
} as const;

export async function startUncertainLab() {
  await using started = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-uncertain-"));
  started.defer(async () => rm(dir, { recursive: true }));
  const pki = await makePki(join(dir, "pki"));
  const names = Object.values(BROKEN_ZONES).map(([zone]) => `keys.${zone}`);
  const certificate = await pki.issue([KEYSERVER, ...names]);
  const keyOf = keys();
  const good = started.use(await startHostile(HOST, certificate));
  const armored = async (of: string) => armoredText((await keyOf(of)).certificate);
  const wrongAnswers = answers(await armored("bob@server.test"), await armored("eva@evil.test"));

  const doubted: Doubted[] = [];
  const doubt = async (fault: string, domain: string, more: Pick<Doubted, "way"> = {}) => {
    const address = `bob@${domain}`;
    doubted.push({ fault, address, key: await keyOf(address), ...more });
  };
  const srv = (name: string, port: number) => `_hkp._tcp.${name} IN SRV 0 0 ${port} keys`;
  const records: string[] = [];
  /** A keyserver of its own for each fault of one. */
  const servers: { readonly port: number; readonly name: string }[] = [];
  const haveServer = async (fault: string, port: number): Promise<void> => {
    const name = `server-${servers.length}`;
    servers.push({ port, name });
    records.push(srv(name, port));
    await doubt(fault, `${name}.faults.test`);
  };
  for (const [fault, behaviour] of Object.entries({ ...HOSTILE, ...wrongAnswers })) {
    const server = started.use(await startHostile(HOST, certificate, behaviour));
    await haveServer(`a keyserver that ${fault}`, server.port);
  }
  const tlsFaults = {
    "for another name": await pki.issue(["keys.evil.test"]),
    "that it signed itself": await pki.issue([KEYSERVER], { isSelfSigned: true }),
    "that has expired": await pki.issue([KEYSERVER], { isExpired: true }),
    "over TLS 1.0 alone": { ...certificate, minVersion: "TLSv1", maxVersion: "TLSv1" } as const,
  };
  for (const [fault, tls] of Object.entries(tlsFaults)) {
    const server = started.use(await startHostile(HOST, tls, answer(404)));
    await haveServer(`a certificate ${fault}`, server.port);
  }
  for (const [fault, isSilent] of [
    ["resets connections", false],
    ["accepts connections and is silent", true],
  ] as const) {
    const server = started.use(await startBroken(HOST, isSilent));
    await haveServer(`a host that ${fault}`, server.port);
  }
  for (const [fault, [zone]] of Object.entries(BROKEN_ZONES)) await doubt(fault, zone);
  await doubt("a forged, unsigned NXDOMAIN", "nosuch.stripped.test");
  for (const [fault, name] of Object.entries(TARGETS)) await doubt(fault, `${name}.faults.test`);
  for (const [index, way] of BROKEN_WAYS.entries()) {
    await doubt(`a resolver that ${way}`, `way-${index}.faults.test`, { way });
  }

  // Slow ones: three hosts that accept and say no more, at their real time limits.
  const slow = { address: "bob@slow.faults.test", key: await keyOf("bob@slow.faults.test") };
  const tarpit = started.use(await startBroken(HOST, true));
  records.push(...[1, 2, 3].map((at) => `_hkp._tcp.slow IN SRV ${at} 0 ${tarpit.port} keys`));

  const broken = (zone: string): readonly string[] => [
    `keys IN A ${HOST}`,
    `_hkp._tcp IN SRV 0 0 ${good.port} keys`,
    ...(zone === "stripped.test" ? [srv("nosuch", good.port)] : []),
  ];
  const [faults, ...optOut] = faultZones({ address: HOST, port: good.port, closedPort: 1024 });
  const faultRecords = [...(faults?.records ?? []), ...records];
  const zones = await buildZones({
    dir: join(dir, "dns"),
    providers: [],
    extra: [
      { name: "faults.test", signing: "signed", records: faultRecords },
      ...optOut,
      ...Object.values(BROKEN_ZONES).map(([name, signing]): LabZone => {
        const all = broken(name);
        return { name, signing, records: name === "stripped.test" ? all.slice(0, 2) : all };
      }),
    ],
  });
  const dns = started.use(await startDns({ zones }));

  // What the way to the resolver is, and how patient a look-up is.
  const silent = started.use(await udpServer(() => []));
  const cutting = started.use(await udpServer((message) => [cut(message)]));
  const at = (host: string, port: number, timeoutMs: number) =>
    stubResolver({ host, port, timeoutMs, isTrusted: () => true });
  const proper = at(dns.resolver.host, dns.resolver.port, 5 * SECOND);
  const ways: Readonly<Record<BrokenWay, Resolver>> = {
    "is gone": at("127.0.0.1", 1, 300),
    "says nothing": at("127.0.0.1", silent.at.port, 300),
    "cuts packets and drops TCP": at("127.0.0.1", cutting.at.port, 300),
  };
  const now: { resolver: Resolver; isPatient: boolean } = { resolver: proper, isPatient: false };
  const resolver: Resolver = {
    srv: async (name, signal) => now.resolver.srv(name, signal),
    addresses: async (name, signal) => now.resolver.addresses(name, signal),
  };
  const fetching = { resolver, ca: pki.ca, allowNetworks: ["127.0.0.0/8"], ports: [] };
  const [hurried, patient] = [httpsGet({ ...fetching, limits: HURRIED }), httpsGet(fetching)];

  const resources = started.move();
  return {
    pki,
    doubted,
    /** Their keyservers take a look-up's whole time, once it waits patiently. */
    slow,
    /** How a gateway of this lab looks up. */
    discoverWith: (({ store, clock }) =>
      makeDiscover({
        store,
        clock,
        resolver,
        get: inLanes(async (request) => (now.isPatient ? patient : hurried)(request), clock),
        isLocal: () => false,
        local: async () => Promise.resolve(undefined),
        random: () => 0,
      }).discover) satisfies Options["discoverWith"],
    /** Until `repairResolver`. */
    breakResolver: (fault: BrokenWay): void => {
      now.resolver = ways[fault];
    },
    repairResolver: (): void => {
      now.resolver = proper;
    },
    /** From now on all time limits are the real ones. */
    waitPatiently: (): void => {
      now.isPatient = true;
    },
    /** Ends every fault: all names lead to one keyserver, which gives what is asked for. */
    mendAll: async (): Promise<void> => {
      const all = new Map(
        [...doubted, slow].map(({ address, key }) => [
          address,
          answer(200, armoredText(key.certificate)),
        ]),
      );
      good.behaviour = (socket) => {
        const [, asked = ""] = /[?&]search=([^& ]*)/.exec(good.requests.at(-1) ?? "") ?? [];
        socket.end(all.get(decodeURIComponent(asked)) ?? answer(404));
      };
      const here = [...doubted, slow].flatMap(({ address }) => {
        const [, name] = /^bob@([^.]+)\.faults\.test$/.exec(address) ?? [];
        return name === undefined ? [] : [srv(name, good.port)];
      });
      await dns.mend("faults.test", [`keys IN A ${HOST}`, ...here]);
      for (const [zone] of Object.values(BROKEN_ZONES)) await dns.mend(zone, broken(zone));
    },
    [Symbol.asyncDispose]: async () => resources.disposeAsync(),
  };
}

/** Makes keys that are good on the day of the fake clock. */
function keys() {
  const now = after(fakeClock().now(), -HOUR);
  return async (address: string): Promise<UnlockedKey> => {
    const made = await generateKey({ address: addressOf(address), profile: "compat", now });
    return readSecretKey(made.secretKey);
  };
}

/** What a keyserver answers that is neither a certificate of the recipient nor an absence. */
function answers(bobs: string, evas: string): Readonly<Record<string, Behaviour>> {
  return {
    "answers a web page": answer(200, "<!DOCTYPE html><p>No results found: not found"),
    "answers half a certificate": answer(200, bobs.slice(0, bobs.length / 2)),
    "answers somebody else's certificate": answer(200, evas),
    "answers 500": answer(500, "error"),
    "answers 503 with Retry-After": answer(503, "", ["Retry-After: 1"]),
    "answers 429": answer(429),
    "answers 429 with Retry-After": answer(429, "", ["Retry-After: 30"]),
    "answers 403": answer(403, "not found"),
  };
}

/** The same question as an answer that did not fit into the packet (RFC 1035 §4.1.1, QR and TC). */
function cut(query: Uint8Array): Buffer {
  const message = Buffer.from(query);
  message[2] = (message[2] ?? 0) | 0x82;
  return message;
}
