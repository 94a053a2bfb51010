import { type Inspected, bothFamilies } from "./answer.ts";
import type { SrvRecord } from "./dns.ts";
import { type DnsRecord, type QueryType, packetType, plainName } from "./message.ts";
import { type StubOptions, addressRecord, asker, srvRecord } from "./stub.ts";

/** A TLSA record (RFC 6698 §2.1). */
export type TlsaRecord = {
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  readonly data: Uint8Array;
};

export type MxRecord = { readonly preference: number; readonly host: string };

/**
 * Asks what a look-up asks, and more, and says how the answer came about: for `doctor`, not for decisions about mail.
 * Never rejects.
 */
export type Inspector = {
  readonly srv: (name: string) => Promise<Inspected<SrvRecord>>;
  /** Aliases and signatures of both families together. */
  readonly addresses: (name: string) => Promise<Inspected<string>>;
  readonly tlsa: (name: string) => Promise<Inspected<TlsaRecord>>;
  /** The hosts that take a domain's mail, the preferred first (RFC 5321 §5.1); "." for none at all (RFC 7505). */
  readonly mx: (name: string) => Promise<Inspected<MxRecord>>;
  /** Certificates in binary (RFC 7929 §2.1). */
  readonly openpgpkey: (name: string) => Promise<Inspected<Uint8Array>>;
};

/** Inspects through the resolver that look-ups use. @throws AppError as `stubResolver` does. */
export function inspector(options: StubOptions): Inspector {
  const ask = asker(options);
  return {
    srv: (name) => ask(name, "SRV", srvRecord, undefined),
    mx: (name) => ask(name, "MX", mxRecord, undefined),
    tlsa: (name) => ask(name, "TLSA", tlsaRecord, undefined),
    openpgpkey: (name) => ask(name, "OPENPGPKEY", certificateRecord, undefined),
    addresses: async (name) => {
      const family = (type: QueryType) => ask(name, type, addressRecord, undefined);
      const [v4, v6] = await Promise.all([family("A"), family("AAAA")]);
      return {
        answer: bothFamilies(v4.answer, v6.answer),
        aliases: v4.aliases.length > 0 ? v4.aliases : v6.aliases,
        signatures: [...v4.signatures, ...v6.signatures],
      };
    },
  };
}

function mxRecord(record: DnsRecord): readonly MxRecord[] {
  if (record.type !== "MX") return [];
  const { preference = 0, exchange } = record.data;
  return [{ preference, host: plainName(exchange) }];
}

function tlsaRecord(record: DnsRecord): readonly TlsaRecord[] {
  if (record.type !== "TLSA") return [];
  const { usage, selector, matchingType: matching, certificate: data } = record.data;
  return [{ usage, selector, matching, data }];
}

function certificateRecord(record: DnsRecord): readonly Uint8Array[] {
  const isOne = packetType("OPENPGPKEY") === record.type;
  return isOne && "data" in record && record.data instanceof Uint8Array ? [record.data] : [];
}
