import { BlockList, isIP, isIPv6 } from "node:net";
import { AppError, errorText } from "../base/errors.ts";
import { SECOND } from "../base/time.ts";
import { type DnsRecord, type DnsReply, type QueryType, plainName, sameName } from "./message.ts";
import { type DnsServer, query } from "./query.ts";
import type { DnsAnswer, Resolver, SrvRecord } from "./resolver.ts";

export type StubOptions = DnsServer & {
  /** Per question, UDP and TCP together. */
  readonly timeoutMs?: number;
  /** The resolver may be elsewhere than on this host, because the operator vouches for the path to it. */
  readonly isPathTrusted?: boolean;
  /** Whether the resolver passes its self-test; while it does not, every answer is indeterminate. */
  readonly isTrusted: () => boolean;
};

const DEFAULT_TIMEOUT_MS = 5 * SECOND;
const MAX_ALIASES = 16;
/** Blocked, censored, filtered, prohibited: somebody's policy answered, not the domain (RFC 8914 §4.16-4.19). */
const INTERFERENCE = new Set([15, 16, 17, 18]);
/** Stale answer, stale NXDOMAIN: good only when proven (RFC 8914 §4.4, §4.20; RFC 8767). */
const STALE = new Set([3, 19]);

/**
 * A resolver that believes what a validating resolver beside it proved. @throws AppError when that one is reached over a
 * network and nobody vouches for the path: then its AD bit means nothing (RFC 4035 §4.9.3).
 */
export function stubResolver(options: StubOptions): Resolver {
  if (!isLoopback(options.host) && options.isPathTrusted !== true) {
    throw new AppError(
      `the resolver ${options.host} is not on this host: its DNSSEC state cannot be believed`,
      {
        temporary: false,
      },
    );
  }
  const ask = async <T>(
    name: string,
    type: QueryType,
    read: (record: DnsRecord) => readonly T[],
    signal: AbortSignal | undefined,
  ): Promise<DnsAnswer<T>> => {
    if (!options.isTrusted()) return untrusted();
    const limit = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    try {
      const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      return answerOf(await query(options, name, type, both), name, type, read);
    } catch (error) {
      return { kind: "indeterminate", reason: errorText(error), ede: [] };
    }
  };
  return {
    srv: (name, signal) => ask(name, "SRV", srvRecord, signal),
    addresses: async (name, signal) => {
      const [v4, v6] = await Promise.all([
        ask(name, "A", address, signal),
        ask(name, "AAAA", address, signal),
      ]);
      return bothFamilies(v4, v6);
    },
  };
}

/** What everybody is told while the resolver fails its self-test. */
export function untrusted(): DnsAnswer<never> {
  return { kind: "indeterminate", reason: "the resolver fails its self-test", ede: [] };
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** Reads a reply. What it says is believed only where nothing in it gives reason to doubt. */
function answerOf<T>(
  reply: DnsReply,
  name: string,
  type: QueryType,
  read: (record: DnsRecord) => readonly T[],
): DnsAnswer<T> {
  const { ede } = reply;
  const dnssec = reply.isAuthentic ? "secure" : "insecure";
  const why = doubt(reply);
  if (why !== undefined) return { kind: "indeterminate", reason: why, ede };
  const found = recordsOf(reply.answers, name, type);
  const records = found.flatMap(read);
  if (records.length === 0 || reply.rcode === "NXDOMAIN") {
    return { kind: "empty", dnssec, ttlSeconds: negativeTtl(reply.authorities), ede };
  }
  // Aliases on the way count too: the answer lasts as long as its shortest part.
  return { kind: "answer", records, dnssec, ttlSeconds: shortestTtl(reply.answers), ede };
}

/** Why a reply says nothing; undefined when it can be believed. */
function doubt(reply: DnsReply): string | undefined {
  const interference = reply.ede.find((code) => INTERFERENCE.has(code));
  if (interference !== undefined)
    return `a policy of the resolver interfered (EDE ${interference})`;
  if (reply.isTruncated) return "the reply is cut";
  if (reply.rcode !== "NOERROR" && reply.rcode !== "NXDOMAIN") return reply.rcode;
  if (!reply.isAuthentic && reply.ede.some((code) => STALE.has(code))) return "stale and unproven";
  return undefined;
}

/** The records of a type at the end of the chain of aliases that begins at `name`. */
function recordsOf(
  answers: readonly DnsRecord[],
  name: string,
  type: QueryType,
): readonly DnsRecord[] {
  let owner = name;
  for (let hop = 0; hop < MAX_ALIASES; hop += 1) {
    const here = answers.filter((record) => sameName(record.name, owner));
    const found = here.filter((record) => record.type === type);
    if (found.length > 0) return found;
    const alias = here.find((record) => record.type === "CNAME");
    if (alias?.type !== "CNAME") return [];
    owner = alias.data;
  }
  return [];
}

function srvRecord(record: DnsRecord): readonly SrvRecord[] {
  if (record.type !== "SRV") return [];
  const { priority = 0, weight = 0, port, target } = record.data;
  return [{ priority, weight, port, target: plainName(target) }];
}

function address(record: DnsRecord): readonly string[] {
  return record.type === "A" || record.type === "AAAA" ? [record.data] : [];
}

function shortestTtl(records: readonly DnsRecord[]): number {
  return Math.min(...records.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0)));
}

/** How long an absence lasts (RFC 2308 §5). */
function negativeTtl(authorities: readonly DnsRecord[]): number {
  const soa = authorities.find((record) => record.type === "SOA");
  return soa?.type === "SOA" ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : 0;
}

/** One answer of two: a doubt about either family is a doubt about the name. */
function bothFamilies(v4: DnsAnswer<string>, v6: DnsAnswer<string>): DnsAnswer<string> {
  if (v4.kind === "indeterminate") return v4;
  if (v6.kind === "indeterminate") return v6;
  const ede = [...v4.ede, ...v6.ede];
  const dnssec = v4.dnssec === "secure" && v6.dnssec === "secure" ? "secure" : "insecure";
  const answers = [v4, v6].filter((answer) => answer.kind === "answer");
  const ttlSeconds = Math.min(
    ...(answers.length > 0 ? answers : [v4, v6]).map((a) => a.ttlSeconds),
  );
  const records = answers.flatMap((answer) => answer.records);
  if (records.length === 0) return { kind: "empty", dnssec, ttlSeconds, ede };
  return { kind: "answer", records, dnssec, ttlSeconds, ede };
}
