import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";

import { readerOf } from "../accounts/postmaster.ts";
import { errorText } from "../base/errors.ts";
import { SECOND, systemClock } from "../base/time.ts";
import { openBlobs } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import { inspector } from "../dns/inspector.ts";
import { openResolver } from "../dns/open-resolver.ts";
import type { DoctorDeps } from "../doctor/doctor.ts";
import type { PeerDeps } from "../doctor/peer.ts";
import type { Place } from "../doctor/visit.ts";
import { guardedGet } from "../fetch/guarded.ts";
import { httpsProbe } from "../fetch/probe.ts";
import { parseAddress } from "../mail/address.ts";
import { placeText } from "../smtp/relay/hop.ts";
import { lookAtHop } from "../smtp/relay/look-at-hop.ts";
import { probeHop } from "../smtp/relay/probe-hop.ts";
import { holdAuditKeys } from "../vault/tag-keys.ts";
import { openToExamine } from "./database.ts";
import { accept, readServiceKeys, revocationCheck, serviceKeyFiles } from "./doctor-keys.ts";
import { hopsOf } from "./hops.ts";
import { keyserverPlace } from "./keyserver-place.ts";
import { sealedBytes } from "./sealed-bytes.ts";
import { isFormerKeyLost } from "./service-key-file.ts";

/**
 * What the doctor looks with: the resolver, the network and the database as they are configured. Where one cannot be
 * opened a check says so; nothing is changed or brought up to date.
 */
export async function openDoctor(config: Config): Promise<DoctorDeps & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const network = opening.use(await openNetwork(config));
  const database = await openToExamine(config.database);
  if (database.kind === "open") opening.use(database.store);
  const files = serviceKeyFiles(config);
  const serviceKeys = readServiceKeys(files.serviceKeyFile);
  if (serviceKeys !== undefined) opening.use(serviceKeys);
  if (serviceKeys !== undefined && database.kind === "open") {
    // Without them the checks would believe entries of the audit log that somebody else wrote.
    const isLost = isFormerKeyLost(files.serviceKeyFile);
    holdAuditKeys(database.store, serviceKeys, isLost);
  }
  const opened = opening.move();
  return {
    ...network,
    keyserver: keyserverPlace(config),
    hostname: config.hostname,
    takesMx: config.listen.mx !== undefined,
    postmaster: postmasterOf(config),
    hops: hopsOf(config.relay).map((hop) => ({
      place: placeText(hop),
      forward: hop.forward ?? "none",
      look: async () => lookAtHop(hop, config.hostname, CONNECT_MS),
    })),
    sealedBytes: sealedBytes(config.limits),
    listeners: listenersOf(config),
    connects: async (place, isSmtp) =>
      isSmtp ? probeHop(place, CONNECT_MS) : connectTo(place, CONNECT_MS),
    database,
    blobs:
      database.kind === "open"
        ? openBlobs({ store: database.store, clock: systemClock }, config.storage)
        : undefined,
    ...files,
    serviceKeys,
    pendingBytes: config.limits.pendingBytes,
    accept,
    revocation:
      database.kind === "open"
        ? revocationCheck(database.store, serviceKeys)
        : async () => "missing",
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** As `openDoctor`, for somebody else's domain: no database. */
export async function openNetwork(config: Config): Promise<PeerDeps & Disposable> {
  const { discovery, resolver: at } = config;
  const clock = systemClock;
  const server = { host: at.host, port: at.port, timeoutMs: at.timeoutMs };
  const ca = discovery.caFile === undefined ? undefined : await readFile(discovery.caFile, "utf8");
  const resolver = await openResolver({
    ...server,
    signedName: at.signedName,
    ...(at.bogusName === undefined ? {} : { bogusName: at.bogusName }),
    clock,
  });
  const fetching = {
    resolver,
    allowNetworks: discovery.allowNetworks,
    ports: discovery.ports,
    ...(ca === undefined ? {} : { ca }),
  };
  return {
    clock,
    resolver: server,
    testResolver: async () => resolver.selfTest(),
    inspector: inspector({ ...server, isTrusted: () => resolver.selfTest().kind === "passed" }),
    get: guardedGet({ ...fetching, clock }),
    probe: httpsProbe(fetching),
    [Symbol.dispose]: () => {
      resolver[Symbol.dispose]();
    },
  };
}

function postmasterOf(config: Config): DoctorDeps["postmaster"] {
  const { listen, domains, hostname, postmaster: configured } = config;
  if (listen.mx === undefined && listen.lmtp === undefined) return undefined;
  return {
    places: [...new Set([...domains, hostname])],
    configured,
    isRead: async (store, domain) => {
      const address = parseAddress(`postmaster@${domain}`);
      return address !== undefined && (await readerOf(store, config, address)) !== undefined;
    },
  };
}

/** How long somebody may take to answer. */
const CONNECT_MS = 5 * SECOND;

function listenersOf({ listen }: Config): DoctorDeps["listeners"] {
  const all = [
    ["submission", listen.submission, false],
    ["submission_starttls", listen.submissionStarttls, true],
    ["mx", listen.mx, true],
    ["lmtp", listen.lmtp, true],
    ["keyserver", listen.keyserver, false],
    ["metrics", listen.metrics, false],
  ] as const;
  return all.flatMap(([name, place, isSmtp]) =>
    place === undefined ? [] : [{ name, host: place.host, port: place.port, isSmtp }],
  );
}

async function connectTo(place: Place, timeoutMs: number): Promise<string | undefined> {
  const socket = connect({ ...place, timeout: timeoutMs });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(timeoutMs) });
    return undefined;
  } catch (error) {
    return errorText(error);
  } finally {
    socket.destroy();
  }
}
