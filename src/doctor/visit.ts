import { AppError, errorText } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Inspected } from "../dns/answer.ts";
import type { SrvRecord } from "../dns/dns.ts";
import type { Inspector } from "../dns/inspector.ts";
import type { DnsServer } from "../dns/query.ts";
import type { SelfTestResult } from "../dns/self-test.ts";
import type { KeyserverPlace } from "../dns/zone-lines.ts";
import type { Probe, TlsView } from "../fetch/probe.ts";
import type { Get } from "../fetch/request.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import { activeAddresses } from "../store/accounts/active-addresses.ts";
import { findPublished, type PublishedCertificate } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import type { ServiceKeys } from "../vault/service-key.ts";
import { type Finding, type Judgement, fail, failNow } from "./finding.ts";

/** Our database, as far as it could be opened. */
export type Database =
  | { readonly kind: "open"; readonly store: Store; readonly isMigrated: boolean }
  | { readonly kind: "closed"; readonly reason: string; readonly isTemporary: boolean };

/** What our own acceptance test says of a certificate, given as bytes. */
export type Accepted =
  | {
      readonly kind: "acceptable";
      readonly fingerprint: string;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "unusable"; readonly reason: string };

/** A place on the network. */
export type Place = { readonly host: string; readonly port: number };

/** A next hop, and how to look at it as mail would meet it. */
export type HopToSee = {
  /** `host:port`, or `unix:` and a path. */
  readonly place: string;
  /** The extension that would tell it who submitted a message. */
  readonly forward: "none" | "xclient" | "xforward";
  readonly look: () => Promise<
    | {
        readonly kind: "open";
        readonly sizeBytes: number | undefined;
        readonly isForwardOffered: boolean;
      }
    | { readonly kind: "closed"; readonly why: string }
  >;
};

export type DoctorDeps = {
  readonly clock: Clock;
  readonly resolver: DnsServer;
  readonly testResolver: () => Promise<SelfTestResult>;
  readonly inspector: Inspector;
  readonly get: Get;
  readonly probe: Probe;
  /** Where the configuration says that the world finds the keyserver. */
  readonly keyserver: KeyserverPlace;
  /** The name of this server. */
  readonly hostname: string;
  /** Whether other providers' mail is taken from the world. */
  readonly takesMx: boolean;
  /** Who reads mail for postmaster; undefined where no listener takes mail. */
  readonly postmaster?:
    | {
        /** Each domain, and the host. */
        readonly places: readonly Domain[];
        /** The account that the configuration names. */
        readonly configured: EmailAddress | undefined;
        readonly isRead: (store: Store, place: Domain) => Promise<boolean>;
      }
    | undefined;
  /** Where mail that leaves goes next. */
  readonly hops: readonly HopToSee[];
  /** Maximum octets of the largest message that submission takes, once it is sealed. */
  readonly sealedBytes: number;
  /** Where the configuration says that we listen; `name` is that of the table. */
  readonly listeners: readonly (Place & { readonly name: string; readonly isSmtp: boolean })[];
  /** Undefined when somebody answers there, with `isSmtp` by a greeting, else why not. */
  readonly connects: (place: Place, isSmtp: boolean) => Promise<string | undefined>;
  readonly database: Database;
  /** The bodies of messages; undefined where the database cannot be opened. */
  readonly blobs?: Pick<BlobStore, "lookAtSome" | "roomBytes"> | undefined;
  readonly serviceKeyFile: string;
  /** Where former service keys lie, if there are any. */
  readonly formerKeysFile?: string;
  /** Undefined where their files cannot be read. */
  readonly serviceKeys?: ServiceKeys | undefined;
  /** Most that may wait for one reader's key. */
  readonly pendingBytes: number;
  readonly accept: (bytes: Uint8Array, address: EmailAddress, now: Date) => Promise<Accepted>;
  /** Whether the generic revocation of a key is there and opens under the service key. */
  readonly revocation: (one: PublishedCertificate) => Promise<"good" | "missing" | "altered">;
};

/** One host that the SRV record names, as the DNS and its TLS show it. */
export type Target = {
  readonly host: string;
  readonly port: number;
  readonly addresses: Inspected<string>;
  /** A text when there is no address to connect to. */
  readonly tls: readonly TlsView[] | string;
};

/** What the checks of one domain share, asked once. */
export type Visit = {
  readonly deps: DoctorDeps;
  readonly domain: Domain;
  readonly srv: Inspected<SrvRecord>;
  readonly targets: readonly Target[];
  /** A certificate that is published, to look for: version 4, which every interface serves. */
  readonly sample: PublishedCertificate | undefined;
  /** One that is published for each version of keys that there is. */
  readonly samples: readonly PublishedCertificate[];
};

/** One check: what it is called, why it matters, and what it comes to. */
export type Check<Subject> = {
  readonly name: string;
  readonly why: string;
  readonly run: (subject: Subject) => Promise<readonly Judgement[]>;
};

const MAX_TARGETS = 4;
const MAX_SAMPLES = 200;
const VERSIONS = 2;

/** Asks what all checks of a domain need. Never rejects. */
export async function visit(deps: DoctorDeps, domain: Domain): Promise<Visit> {
  const srv = await deps.inspector.srv(announcedAt(domain));
  const records = srv.answer.kind === "answer" ? srv.answer.records : [];
  const named = records.filter(({ target }) => target !== ".").slice(0, MAX_TARGETS);
  const [targets, samples] = await Promise.all([
    Promise.all(named.map(async (record) => lookAtTarget(deps, record))),
    // The check of the keys says what is wrong with the database.
    findSamples(deps, domain).catch(() => []),
  ]);
  const sample = samples.find(({ version }) => version === 4);
  return { deps, domain, srv, targets, sample, samples };
}

/** The name of the record that announces a domain's keyserver. */
export function announcedAt(domain: Domain): string {
  return `_hkp._tcp.${domain}`;
}

export async function lookAtTarget(
  deps: Pick<DoctorDeps, "inspector" | "probe">,
  { target: host, port }: SrvRecord,
): Promise<Target> {
  const [addresses, tls] = await Promise.all([
    deps.inspector.addresses(host),
    deps.probe.tls({ host, port }),
  ]);
  return { host, port, addresses, tls };
}

/** Targets that shook hands as a sender would accept it; what keeps the others away is said by the check `tls`. */
export function reachable({ targets, domain }: Visit): readonly Target[] {
  return targets.filter(
    ({ host, tls }) =>
      typeof tls !== "string" &&
      tls.some(
        (view) =>
          view.kind === "seen" &&
          view.distrust === undefined &&
          (view.isNamed(host) || view.isNamed(domain)),
      ),
  );
}

export function placeName({ host, port }: Pick<Target, "host" | "port">): string {
  return `${host}:${port}`;
}

/** Runs checks on a subject, at once, and gives what they found in their order. What one throws is its failure. */
export async function runChecks<Subject>(
  checks: readonly Check<Subject>[],
  subject: Subject,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    checks.map(async ({ name: check, why, run }) => {
      const judgements = await run(subject).catch((error: unknown) => [notDone(error)]);
      return judgements.map((judgement) => ({ ...judgement, check, why }));
    }),
  );
  return found.flat();
}

function notDone(error: unknown): Judgement {
  const title = `this could not be looked at: ${errorText(error)}`;
  const isTemporary = error instanceof AppError && error.temporary;
  return (isTemporary ? failNow : fail)(title, "Repair what it says, then ask doctor again.");
}

async function findSamples(
  { database, clock }: DoctorDeps,
  domain: Domain,
): Promise<readonly PublishedCertificate[]> {
  if (database.kind === "closed" || !database.isMigrated) return [];
  const now = clock.now();
  const found = new Map<number, PublishedCertificate>();
  let looked = 0;
  for await (const address of activeAddresses(database.store, domain, MAX_SAMPLES)) {
    const one = await findPublished(database.store, address);
    const isOver = one?.expiresAt !== undefined && one.expiresAt <= now;
    if (one !== undefined && one.isHidden !== true && !isOver && !found.has(one.version))
      found.set(one.version, one);
    looked += 1;
    if (found.size === VERSIONS || looked === MAX_SAMPLES) break;
  }
  return [...found.values()].toSorted((a, b) => a.version - b.version);
}
