import { fromUnixSeconds } from "../base/time.ts";
import type { DnsAnswer } from "./dns.ts";
import {
  type DnsRecord,
  type DnsReply,
  type QueryType,
  packetType,
  plainName,
  sameName,
} from "./message.ts";

/** One signature that came along with an answer. Names are lower case without the final dot. */
export type Signature = {
  readonly owner: string;
  /** The type of the records that it signs. */
  readonly covers: string;
  readonly signer: string;
  readonly validFrom: Date;
  readonly validUntil: Date;
};

/** An answer with what it came by: the aliases on the way, in order, and the signatures. Both are for people to read. */
export type Inspected<T> = {
  readonly answer: DnsAnswer<T>;
  readonly aliases: readonly string[];
  readonly signatures: readonly Signature[];
};

const MAX_ALIASES = 16;
/** Blocked, censored, filtered, prohibited: somebody's policy answered, not the domain (RFC 8914 §4.16-4.19). */
const INTERFERENCE = new Set([15, 16, 17, 18]);
/** Stale answer, stale NXDOMAIN: good only when proven (RFC 8914 §4.4, §4.20; RFC 8767). */
const STALE = new Set([3, 19]);

/** Reads a reply. What it says is believed only where nothing in it gives reason to doubt. */
export function readAnswer<T>(
  reply: DnsReply,
  name: string,
  type: QueryType,
  read: (record: DnsRecord) => readonly T[],
): Inspected<T> {
  const { ede } = reply;
  const dnssec = reply.isAuthentic ? "secure" : "insecure";
  const why = doubt(reply);
  if (why !== undefined) return nothing({ kind: "indeterminate", reason: why, ede });
  const { found, aliases, isWhole } = followed(reply.answers, name, type);
  if (!isWhole) return nothing({ kind: "indeterminate", reason: "aliases without an end", ede });
  const records = found.flatMap(read);
  const signatures = [...reply.answers, ...reply.authorities].flatMap(signature);
  if (records.length === 0 || reply.rcode === "NXDOMAIN") {
    // RFC 2308 §2: a proven absence names its zone. Without that the proof is not of this absence.
    if (dnssec === "secure" && !hasZone(reply.authorities, aliases.at(-1) ?? name)) {
      return nothing({ kind: "indeterminate", reason: "an absence without its zone", ede });
    }
    const ttlSeconds = negativeTtl(reply.authorities);
    return { answer: { kind: "empty", dnssec, ttlSeconds, ede }, aliases, signatures };
  }
  // Aliases on the way count too: the answer lasts as long as its shortest part.
  const ttlSeconds = shortestTtl(reply.answers);
  return { answer: { kind: "answer", records, dnssec, ttlSeconds, ede }, aliases, signatures };
}

/** An answer that came by nothing. */
export function nothing<T>(answer: DnsAnswer<T>): Inspected<T> {
  return { answer, aliases: [], signatures: [] };
}

/** One answer of two: a doubt about either family is a doubt about the name. */
export function bothFamilies(v4: DnsAnswer<string>, v6: DnsAnswer<string>): DnsAnswer<string> {
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

/**
 * The records of a type at the end of the chain of aliases that begins at `name`, and the names on the way; `isWhole` is
 * false where the chain has no end: it goes round, forks, or is longer than any honest one.
 */
function followed(
  answers: readonly DnsRecord[],
  name: string,
  type: QueryType,
): {
  readonly found: readonly DnsRecord[];
  readonly aliases: readonly string[];
  readonly isWhole: boolean;
} {
  const aliases: string[] = [];
  let owner = name;
  for (let hop = 0; hop < MAX_ALIASES; hop += 1) {
    const here = answers.filter((record) => sameName(record.name, owner));
    const found = here.filter((record) => record.type === packetType(type));
    if (found.length > 0) return { found, aliases, isWhole: true };
    const targets = here.flatMap((record) =>
      record.type === "CNAME" ? [plainName(record.data)] : [],
    );
    const [target, ...others] = new Set(targets);
    if (target === undefined) return { found: [], aliases, isWhole: true };
    // A name has one alias at most (RFC 2181 §10.1).
    if (others.length > 0) break;
    owner = target;
    aliases.push(target);
  }
  return { found: [], aliases, isWhole: false };
}

/** Whether the SOA record of a zone stands there that the name is in (RFC 2308 §2.1, §2.2). */
function hasZone(authorities: readonly DnsRecord[], name: string): boolean {
  const wanted = plainName(name);
  return authorities.some((record) => {
    const zone = plainName(record.name);
    const isAbove = zone === "." || wanted === zone || wanted.endsWith(`.${zone}`);
    return record.type === "SOA" && isAbove;
  });
}

/** The times are counted in 32 bits, which last until 2106. */
function signature(record: DnsRecord): readonly Signature[] {
  if (record.type !== "RRSIG") return [];
  const { typeCovered, signersName, inception, expiration } = record.data;
  return [
    {
      owner: plainName(record.name),
      covers: typeCovered,
      signer: plainName(signersName),
      validFrom: fromUnixSeconds(inception),
      validUntil: fromUnixSeconds(expiration),
    },
  ];
}

function shortestTtl(records: readonly DnsRecord[]): number {
  return Math.min(...records.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0)));
}

/** How long an absence lasts (RFC 2308 §5). */
function negativeTtl(authorities: readonly DnsRecord[]): number {
  const soa = authorities.find((record) => record.type === "SOA");
  return soa?.type === "SOA" ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : 0;
}
