import { cursorOver } from "../packets/cursor.ts";
import { Damaged } from "../packets/damaged.ts";
import { decompress } from "../packets/decompress.ts";
import { announces } from "../packets/one-pass.ts";
import { PACKET, type Packet, isIgnorable, readPackets } from "../packets/packet.ts";
import { type Container, readContainer } from "../packets/seipd.ts";
import { Unsupported } from "../packets/unsupported.ts";
import { type Pkesk, readPkesk } from "./pkesk.ts";

/** An encrypted message taken apart (RFC 9580 §10.3). */
export type EncryptedMessage = {
  /** Those of the container's version alone (RFC 9580 §10.3.2.1). */
  readonly pkesks: readonly Pkesk[];
  readonly container: Container;
  /** The container's packet body as it came. */
  readonly containerBody: Buffer;
};

/** What was inside: one document and the signatures over it. */
export type Content = {
  readonly data: Buffer;
  readonly signatures: readonly ReadSignature[];
};

/** The body of a signature packet, and whether its one-pass packet says the same of it. */
export type ReadSignature = { readonly body: Buffer; readonly isAnnounced: boolean };

/** More than honest messages have: beyond is what was made to cost (THREAT_MODEL.md G3, G9). */
const MAX_PKESKS = 100;
const MAX_SIGNATURES = 8;
/** Maximum number with passwords, markers, padding and packets that are not known. */
const MAX_PACKETS = 250;
const ORDER = "packets in another order";

/**
 * Session keys, then one container, nothing after it. Passwords (tag 3) are passed over where keys stand beside them, as are
 * session keys of other versions. Everything else is refused: data without integrity protection (tag 9), GnuPG's own AEAD
 * (tag 20), and packets that are not known. @throws Damaged
 */
export function readEncryptedMessage(bytes: Uint8Array): EncryptedMessage {
  const packets = readPackets(bytes, MAX_PACKETS).filter((each) => !isIgnorable(each));
  const last = packets.at(-1);
  const before = packets.slice(0, -1);
  const forKeys = before.filter(({ tag }) => tag === PACKET.publicKeySessionKey);
  refuseForm(before, last);
  if (before.length > 0 && forKeys.length === 0) throw new Unsupported("a password and no key");
  if (forKeys.length > MAX_PKESKS) {
    throw new Unsupported(`more than ${String(MAX_PKESKS)} session keys`);
  }
  const container = readContainer(last.body);
  const version = container.version === 1 ? 3 : 6;
  const pkesks = forKeys.flatMap(({ body }) => pkeskIn(body) ?? []);
  return {
    container,
    containerBody: last.body,
    pkesks: pkesks.filter((each) => each.version === version),
  };
}

const SESSION_KEYS: ReadonlySet<number> = new Set([
  PACKET.publicKeySessionKey,
  PACKET.passwordSessionKey,
]);
const OTHER_CONTAINERS: ReadonlyMap<number, string> = new Map([
  [PACKET.unprotected, "encryption without integrity protection"],
  [PACKET.ocbEncrypted, "GnuPG's own OCB packet"],
]);

function refuseForm(before: readonly Packet[], last: Packet | undefined): asserts last is Packet {
  if (last === undefined || SESSION_KEYS.has(last.tag)) throw new Damaged("no container");
  if (!before.every(({ tag }) => SESSION_KEYS.has(tag))) throw new Unsupported(ORDER);
  if (last.tag === PACKET.encrypted) return;
  throw new Unsupported(OTHER_CONTAINERS.get(last.tag) ?? ORDER);
}

/** One that cannot be read is somebody else's: undefined. */
function pkeskIn(body: Uint8Array): Pkesk | undefined {
  try {
    return readPkesk(body);
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
}

/**
 * The content of a container: at most one level of compression, then one-pass signatures, one literal, as many signatures.
 * A message in another form is refused, lest somebody dress one text in the signature of another (THREAT_MODEL.md G3).
 * @throws Damaged
 */
export async function readContent(plain: Uint8Array): Promise<Content> {
  const packets = contentPackets(plain);
  const [first] = packets;
  return first?.tag === PACKET.compressed && packets.length === 1
    ? readSigned(contentPackets(await decompress(first.body)))
    : readSigned(packets);
}

function contentPackets(plain: Uint8Array): readonly Packet[] {
  return readPackets(plain, MAX_PACKETS).filter((each) => !isIgnorable(each));
}

function readSigned(packets: readonly Packet[]): Content {
  const at = packets.findIndex(({ tag }) => tag !== PACKET.onePassSignature);
  const literal = packets[at];
  const onePass = packets.slice(0, at);
  const signatures = packets.slice(at + 1);
  const isGrammar =
    literal?.tag === PACKET.literal &&
    signatures.every(({ tag }) => tag === PACKET.signature) &&
    signatures.length === onePass.length;
  if (!isGrammar) throw new Unsupported("not one literal and its signatures");
  if (signatures.length > MAX_SIGNATURES) throw new Unsupported("too many signatures");
  // The first signature is that of the last one-pass packet (RFC 9580 §5.4).
  const announced = signatures.map(({ body }, index) => ({
    body,
    isAnnounced: announces(onePass.at(-1 - index)?.body, body),
  }));
  return { data: readLiteral(literal.body), signatures: announced };
}

/** Binary, text, UTF-8 text, what PGP 2 called local (RFC 9580 §5.9), and GnuPG's MIME entity. */
const FORMATS = new Set(["b", "t", "u", "l", "1", "m"]);

function readLiteral(body: Buffer): Buffer {
  const cursor = cursorOver(body);
  const format = String.fromCharCode(cursor.octet());
  if (!FORMATS.has(format)) throw new Unsupported("a literal of an unknown format");
  // File name and date are not signed: nobody may rely on them.
  cursor.take(cursor.octet());
  cursor.take(4);
  return cursor.rest();
}
