import { cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { decompress } from "./decompress.ts";
import { announces } from "./one-pass.ts";
import { PACKET, type Packet, isIgnorable, readPackets } from "./packet.ts";
import { type Pkesk, readPkesk } from "./pkesk.ts";
import { type Container, readContainer } from "./seipd.ts";

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
  /** Bodies of signature packets. */
  readonly signatures: readonly Buffer[];
};

/** More than honest messages have: beyond is what was made to cost (THREAT_MODEL.md G3, G9). */
const MOST_PKESKS = 64;
const MOST_SIGNATURES = 8;
/** With marker and padding packets. */
const MOST_PACKETS = 100;

/**
 * Session keys, then one container, nothing after it. Everything else is refused: data without integrity protection
 * (tag 9), GnuPG's own AEAD (tag 20), passwords (tag 3), and packets that are not known. @throws Damaged
 */
export function readEncryptedMessage(bytes: Uint8Array): EncryptedMessage {
  const packets = readPackets(bytes, MOST_PACKETS).filter((each) => !isIgnorable(each));
  const last = packets.at(-1);
  const before = packets.slice(0, -1);
  const isSessionKey = ({ tag }: Packet): boolean => tag === PACKET.publicKeySessionKey;
  if (last?.tag !== PACKET.encrypted || !before.every(isSessionKey)) {
    throw new Damaged("not session keys and one protected container");
  }
  if (before.length > MOST_PKESKS) throw new Damaged("too many session keys");
  const container = readContainer(last.body);
  const version = container.version === 1 ? 3 : 6;
  const pkesks = before.flatMap(({ body }) => readPkesk(body) ?? []);
  return {
    container,
    containerBody: last.body,
    pkesks: pkesks.filter((each) => each.version === version),
  };
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
  return readPackets(plain, MOST_PACKETS).filter((each) => !isIgnorable(each));
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
  if (!isGrammar) throw new Damaged("not one literal and its signatures");
  if (signatures.length > MOST_SIGNATURES) throw new Damaged("too many signatures");
  // The first signature is that of the last one-pass packet (RFC 9580 §5.4).
  const isAnnounced = signatures.every(({ body }, index) =>
    announces(onePass.at(-1 - index)?.body, body),
  );
  if (!isAnnounced) throw new Damaged("a signature that was not announced");
  return { data: readLiteral(literal.body), signatures: signatures.map(({ body }) => body) };
}

/** Binary, text, UTF-8 text (RFC 9580 §5.9). */
const FORMATS = new Set(["b", "t", "u"]);

function readLiteral(body: Buffer): Buffer {
  const cursor = cursorOver(body);
  const format = String.fromCharCode(cursor.octet());
  if (!FORMATS.has(format)) throw new Damaged("a literal of another format");
  // File name and date are not signed: nobody may rely on them.
  cursor.take(cursor.octet());
  cursor.take(4);
  return cursor.rest();
}
