import {
  AUTHENTIC_DATA,
  DNSSEC_OK,
  type Answer,
  type Packet,
  RECURSION_DESIRED,
  type RecordType,
} from "dns-packet";
import { decode, encode } from "dns-packet";

/** The types that we ask for; MX, TLSA and OPENPGPKEY by `doctor` alone. */
export type QueryType = "SRV" | "A" | "AAAA" | "SOA" | "MX" | "TLSA" | "OPENPGPKEY";

/** The name that dns-packet has for a type; it does not know OPENPGPKEY, and would ask for type 0 (RFC 7929 §2). */
export function packetType(type: QueryType): string {
  return type === "OPENPGPKEY" ? "UNKNOWN_61" : type;
}

/** The records of a reply, as dns-packet gives them. */
export type DnsRecord = Answer;

/** A reply that belongs to its query. */
export type DnsReply = {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, ... */
  readonly rcode: string;
  /** AD: the resolver proved the whole answer. */
  readonly isAuthentic: boolean;
  readonly isTruncated: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Codes of extended errors (RFC 8914). */
  readonly ede: readonly number[];
};

/** What came in for a query: its reply, something of somebody else (ignore it), or a reply that cannot be read. */
export type ReadReply =
  | { readonly kind: "reply"; readonly reply: DnsReply }
  | { readonly kind: "foreign" }
  | { readonly kind: "unreadable" };

/** Small enough never to be fragmented; more comes over TCP. */
const UDP_PAYLOAD_BYTES = 1232;
const HEADER_BYTES = 12;
const EDE_OPTION = 15;
const OPCODE_MASK = 0x7800;

/**
 * A query for a validating resolver. AD and DO are set, because a resolver shows AD only to those who ask for it
 * (RFC 6840 §5.7); CD is never set, because it makes the resolver hand out forged data (RFC 4035 §3.2.2).
 */
export function encodeQuery(id: number, name: string, type: QueryType): Uint8Array {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    // The library's types know none of the names that it gives to types it does not know.
    questions: [{ type: packetType(type) as RecordType, name }],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: UDP_PAYLOAD_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: DNSSEC_OK,
        flag_do: true,
        options: [],
      },
    ],
  });
}

/** Reads what came in for the query of this id, name and type; all three must be echoed. */
export function readReply(bytes: Uint8Array, id: number, name: string, type: QueryType): ReadReply {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER_BYTES || buffer.readUInt16BE(0) !== id) return { kind: "foreign" };
  const packet = decoded(buffer);
  if (packet === undefined) return { kind: "unreadable" };
  if (!isReplyTo(packet, name, type)) return { kind: "foreign" };
  const option = packet.additionals?.find((record) => record.type === "OPT");
  return {
    kind: "reply",
    reply: {
      // The upper bits of the code stand in the OPT record; all of those codes are errors.
      rcode: option !== undefined && option.extendedRcode !== 0 ? "EXTENDED" : packet.rcode,
      isAuthentic: packet.flag_ad,
      isTruncated: packet.flag_tc,
      answers: packet.answers ?? [],
      authorities: packet.authorities ?? [],
      ede: (option?.options ?? []).flatMap(extendedError),
    },
  };
}

type DecodedReply = Packet & {
  readonly rcode: string;
  readonly flag_ad: boolean;
  readonly flag_tc: boolean;
};

function decoded(buffer: Buffer): DecodedReply | undefined {
  try {
    const packet = decode(buffer);
    // dns-packet names the code, which its types do not know.
    return "rcode" in packet && typeof packet.rcode === "string"
      ? { ...packet, rcode: packet.rcode }
      : undefined;
  } catch {
    return undefined; // Malformed: the caller reports it as no answer.
  }
}

function isReplyTo(packet: Packet, name: string, type: QueryType): boolean {
  const [question, ...others] = packet.questions ?? [];
  return (
    packet.type === "response" &&
    ((packet.flags ?? 0) & OPCODE_MASK) === 0 &&
    question !== undefined &&
    others.length === 0 &&
    sameName(question.name, name) &&
    question.type === packetType(type) &&
    question.class === "IN"
  );
}

function extendedError(option: { readonly code: number; readonly data?: Buffer | undefined }) {
  if (option.code !== EDE_OPTION || option.data === undefined || option.data.length < 2) return [];
  return [option.data.readUInt16BE(0)];
}

/** DNS names are equal whatever the case of their letters and whether or not they end in a dot (RFC 4343). */
export function sameName(a: string, b: string): boolean {
  return plainName(a) === plainName(b);
}

/** Lower case, without the final dot; the root is `.`. */
export function plainName(name: string): string {
  const lower = name.toLowerCase();
  const plain = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  return plain === "" ? "." : plain;
}
