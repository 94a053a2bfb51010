import { cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { decompress } from "./decompress.ts";
import { keyIdOf } from "./fingerprint.ts";
import { PACKET, type Packet, isIgnorable, readPackets } from "./packet.ts";
import { type Pkesk, readPkesk } from "./pkesk.ts";
import { type Container, readContainer } from "./seipd.ts";
import { readSignaturePacket } from "./signature-packet.ts";

/** An encrypted message taken apart (RFC 9580 §10.3). */
export type EncryptedMessage = {
  /** Those of the container's version alone (RFC 9580 §10.3.2.1). */
  readonly pkesks: readonly Pkesk[];
  readonly container: Container;
};

/** What was inside: one document and the signatures over it. */
export type Content = {
  readonly data: Buffer;
  /** Bodies of signature packets. */
  readonly signatures: readonly Buffer[];
};

/** Limits of G3 and security.md. */
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
  return { container, pkesks: pkesks.filter((each) => each.version === version) };
}

/**
 * The content of a container: at most one level of compression, then one-pass signatures, one literal, as many signatures.
 * A message in another form is refused, so that nobody can dress one text in the signature of another (G3). @throws Damaged
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
  const pairs = signatures.map(({ body }, index) => ({
    signature: body,
    onePass: onePass.at(-1 - index)?.body,
  }));
  if (!pairs.every(isPair)) throw new Damaged("a signature that was not announced");
  return { data: readLiteral(literal.body), signatures: signatures.map(({ body }) => body) };
}

/** A one-pass packet announces type, hash, algorithm and issuer of its signature (RFC 9580 §5.4). */
function isPair(pair: {
  readonly onePass: Buffer | undefined;
  readonly signature: Buffer;
}): boolean {
  const { onePass, signature } = pair;
  if (onePass === undefined) return false;
  // A signature of a version that we do not know cannot be compared, and is never valid.
  if (signature[0] !== 4 && signature[0] !== 6) return true;
  const said = readOnePass(onePass);
  const made = readSignatureOrNone(signature);
  if (said === undefined || made === undefined) return made === undefined;
  const keyId = made.issuerKeyId ?? (made.issuer && keyIdOf(made.issuer));
  const issuer = said.version === 6 ? made.issuer : keyId;
  return (
    (said.version === 6) === (made.version === 6) &&
    said.type === made.type &&
    said.hash === made.hashAlgorithm &&
    said.keyAlgorithm === made.keyAlgorithm &&
    said.salt.equals(made.salt) &&
    (issuer === undefined || said.issuer === issuer || said.issuer === ANONYMOUS)
  );
}

const ANONYMOUS = "0".repeat(16);

function readSignatureOrNone(body: Buffer) {
  try {
    return readSignaturePacket(body);
  } catch {
    return undefined;
  }
}

function readOnePass(body: Buffer) {
  const cursor = cursorOver(body);
  const version = cursor.octet();
  if (version !== 3 && version !== 6) return undefined;
  const [type, hash, keyAlgorithm] = [cursor.octet(), cursor.octet(), cursor.octet()];
  const salt = version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
  const issuer = cursor.take(version === 6 ? 32 : 8);
  return { version, type, hash, keyAlgorithm, salt, issuer: issuer.toString("hex").toUpperCase() };
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
