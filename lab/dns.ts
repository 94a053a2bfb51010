/** The lab's DNS servers: NSD serves the zones of `zones.ts`, Unbound validates them. Both on loopback, unprivileged. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { SECOND } from "../src/base/time.ts";
import { type DnsServer, query } from "../src/dns/query.ts";
import { type LabProcess, startProcess } from "./process.ts";
import type { LabZones } from "./zones.ts";

const HOST = "127.0.0.1";
const PROBE_MS = SECOND;
const POLL_MS = 100;
/** How long a loaded machine may take. */
const MENDED_WITHIN_MS = 60 * SECOND;
const PORT_ATTEMPTS = 20;
const SBIN = "/usr/sbin";

export type LabDns = AsyncDisposable & {
  /** The validating resolver. */
  readonly resolver: DnsServer;
  /** The authoritative server behind it. */
  readonly authority: DnsServer;
  /** What runs, so that a test can stop one of them. */
  readonly processes: { readonly nsd: LabProcess; readonly unbound: LabProcess };
  /** Signs a zone correctly, its own records or others, and waits until the resolver believes it. */
  readonly mend: LabZones["mend"];
};

export type DnsOptions = {
  readonly zones: LabZones;
  /** False: the resolver forwards what it gets and proves nothing. For tests of the self-test. */
  readonly isValidating?: boolean;
  /** A port for the resolver; any free one by default. */
  readonly resolverPort?: number;
};

/** Starts both servers in the zones' folder and waits until the resolver answers for the root. */
export async function startDns(options: DnsOptions): Promise<LabDns> {
  const { dir } = options.zones;
  const authority = { host: HOST, port: await freePort(HOST) };
  const nsdFile = join(dir, "nsd.conf");
  await writeFile(nsdFile, nsdConfig(options.zones, authority));
  await using started = new AsyncDisposableStack();
  const nsd = started.use(
    await startProcess({
      name: "nsd",
      command: join(SBIN, "nsd"),
      args: ["-d", "-c", nsdFile],
      logFile: join(dir, "nsd.out"),
      isReady: () => answersFor(".", authority),
    }),
  );
  const resolver = { host: HOST, port: options.resolverPort ?? (await freePort(HOST)) };
  const unboundFile = join(dir, "unbound.conf");
  await writeFile(unboundFile, unboundConfig(options, resolver, authority));
  const unbound = started.use(
    await startProcess({
      name: "unbound",
      command: join(SBIN, "unbound"),
      args: ["-d", "-c", unboundFile],
      logFile: join(dir, "unbound.out"),
      isReady: () => answersFor(".", resolver),
    }),
  );
  const resources = started.move();
  return {
    resolver,
    authority,
    processes: { nsd, unbound },
    mend: async (zone, records) => {
      const before = await soaOf(zone, authority);
      await options.zones.mend(zone, records);
      process.kill(nsd.pid, "SIGHUP");
      await untilTrue(async () => !isDeepStrictEqual(await soaOf(zone, authority), before));
      // Unbound remembers for a minute that it could not prove a key. No setting changes that, so it begins anew.
      process.kill(unbound.pid, "SIGHUP");
      await untilTrue(async () => answersFor(zone, resolver));
    },
    [Symbol.asyncDispose]: async () => {
      await resources.disposeAsync();
    },
  };
}

/** A port that is free for TCP and UDP on this address. */
async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const server = createServer().listen(0, host);
    await once(server, "listening");
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const isFree = await isUdpPortFree(host, port);
    server.close();
    await once(server, "close");
    if (isFree) return port;
  }
  throw new Error(`no free port on ${host}`);
}

async function isUdpPortFree(host: string, port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  try {
    socket.bind(port, host);
    await once(socket, "listening");
    return true;
  } catch {
    return false; // Taken: the next one is tried.
  } finally {
    socket.close();
  }
}

async function answersFor(name: string, server: DnsServer): Promise<boolean> {
  const reply = await query(server, name, "SOA", AbortSignal.timeout(PROBE_MS));
  return reply.rcode === "NOERROR" && reply.answers.length > 0;
}

async function soaOf(zone: string, server: DnsServer): Promise<unknown> {
  return (await query(server, zone, "SOA", AbortSignal.timeout(PROBE_MS))).answers;
}

/** Asks until the answer is yes; an error means "not yet". @throws Error when it is not in time. */
async function untilTrue(ask: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + MENDED_WITHIN_MS;
  while (!(await ask().catch(() => false))) {
    if (performance.now() > giveUpAt) throw new Error("the zone is still not believed");
    await sleep(POLL_MS);
  }
}

function nsdConfig(zones: LabZones, at: DnsServer): string {
  const { dir } = zones;
  const list = zones.files.map(
    ({ zone, file }) => `zone:\n  name: "${zone}"\n  zonefile: "${file}"\n`,
  );
  return `server:
  ip-address: ${at.host}@${at.port}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "${dir}"
  pidfile: "${dir}/nsd.pid"
  logfile: "${dir}/nsd.log"
  xfrdfile: "${dir}/xfrd.state"
  zonelistfile: "${dir}/zone.list"
  xfrdir: "${dir}"
  server-count: 1
  hide-version: yes
remote-control:
  control-enable: no
${list.join("")}`;
}

function unboundConfig(options: DnsOptions, at: DnsServer, authority: DnsServer): string {
  const { dir, trustAnchorFile } = options.zones;
  const isValidating = options.isValidating !== false;
  return `server:
  interface: ${at.host}@${at.port}
  access-control: 127.0.0.0/8 allow
  directory: "${dir}"
  username: ""
  chroot: ""
  pidfile: "${dir}/unbound.pid"
  logfile: "${dir}/unbound.log"
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  num-threads: 1
  module-config: "${isValidating ? "validator iterator" : "iterator"}"
  ${isValidating ? `trust-anchor-file: "${trustAnchorFile}"` : ""}
  do-not-query-localhost: no
  # Built-in answers for reserved names would hide the lab's zones (RFC 6761).
  local-zone: "test." nodefault
  ede: yes
  # Without it no text for extended errors, and other codes.
  val-log-level: 2
  # Short memories, so that a test sees what it has just changed.
  val-bogus-ttl: 1
  cache-max-negative-ttl: 0
  aggressive-nsec: no
  qname-minimisation: no
  trust-anchor-signaling: no
remote-control:
  control-enable: no
# Not a stub zone: the resolver would follow the zones' NS records to port 53.
forward-zone:
  name: "."
  forward-addr: ${authority.host}@${authority.port}
`;
}
