import { AppError, errorText } from "../base/errors.ts";
import { isLoopback } from "../base/network.ts";
import { SECOND } from "../base/time.ts";
import { type Inspected, bothFamilies, nothing, readAnswer } from "./answer.ts";
import type { DnsAnswer, Resolver, SrvRecord } from "./dns.ts";
import { type DnsRecord, type QueryType, plainName } from "./message.ts";
import { type DnsServer, query } from "./query.ts";

export type StubOptions = DnsServer & {
  /** Per question, UDP and TCP together. */
  readonly timeoutMs?: number;
  /** The resolver may be elsewhere than on this host, because the operator vouches for the path to it. */
  readonly isPathTrusted?: boolean;
  /** Whether the resolver passes its self-test; while it does not, every answer is indeterminate. */
  readonly isTrusted: () => boolean;
};

/** Asks one question; `read` gives what is wanted of a record of the type asked for. Never rejects. */
export type Ask = <T>(
  name: string,
  type: QueryType,
  read: (record: DnsRecord) => readonly T[],
  signal: AbortSignal | undefined,
) => Promise<Inspected<T>>;

const DEFAULT_TIMEOUT_MS = 5 * SECOND;

/**
 * A resolver that believes what a validating resolver beside it proved. @throws AppError when that one is reached over a
 * network and nobody vouches for the path: then its AD bit means nothing (RFC 4035 §4.9.3).
 */
export function stubResolver(options: StubOptions): Resolver {
  const ask = asker(options);
  return {
    srv: async (name, signal) => (await ask(name, "SRV", srvRecord, signal)).answer,
    addresses: async (name, signal) => {
      const [v4, v6] = await Promise.all([
        ask(name, "A", addressRecord, signal),
        ask(name, "AAAA", addressRecord, signal),
      ]);
      return bothFamilies(v4.answer, v6.answer);
    },
  };
}

/** Asks that resolver; what it proved is believed as `stubResolver` does. @throws AppError as that does. */
export function asker(options: StubOptions): Ask {
  if (!isLoopback(options.host) && options.isPathTrusted !== true) {
    throw new AppError(
      `the resolver ${options.host} is not on this host: its DNSSEC state cannot be believed`,
      {
        temporary: false,
      },
    );
  }
  return async (name, type, read, signal) => {
    if (!options.isTrusted()) return nothing(untrusted());
    const limit = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    try {
      const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      return readAnswer(await query(options, name, type, both), name, type, read);
    } catch (error) {
      return nothing({ kind: "indeterminate", reason: errorText(error), ede: [] });
    }
  };
}

/** What everybody is told while the resolver fails its self-test. */
export function untrusted(): DnsAnswer<never> {
  return { kind: "indeterminate", reason: "the resolver fails its self-test", ede: [] };
}

export function srvRecord(record: DnsRecord): readonly SrvRecord[] {
  if (record.type !== "SRV") return [];
  const { priority = 0, weight = 0, port, target } = record.data;
  return [{ priority, weight, port, target: plainName(target) }];
}

export function addressRecord(record: DnsRecord): readonly string[] {
  return record.type === "A" || record.type === "AAAA" ? [record.data] : [];
}
