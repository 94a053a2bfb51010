import { asBuffer } from "../../base/bytes.ts";
import { dearmor, isBinary } from "../packets/armored-blocks.ts";
import { cursorOver } from "../packets/cursor.ts";
import { Damaged } from "../packets/damaged.ts";
import { PACKET, type Packet, readFirstPacket, readPackets } from "../packets/packet.ts";
import { type Pkesk, readPkesk } from "./pkesk.ts";

/** What a whole encrypted message shows without a key: for how many keys its session key is there. */
export type WholeCiphertext = { readonly keys: number };

const SYMMETRIC_SESSION_KEY = 3;
/** AES in OCB mode as GnuPG 2.4 and RNP write it, outside of RFC 9580. */
const OCB_ENCRYPTED = 20;
/** Maximum number of session keys: as many recipients as a transaction may have, and the author. */
const MAX_PACKETS = 1100;
/** Minimum length of a container's content: a literal packet with its integrity check. */
const LEAST_CONTAINER_OCTETS = 30;
const BEGIN = "-----BEGIN ";
const MESSAGE_BEGIN = "-----BEGIN PGP MESSAGE-----";
const MESSAGE_END = "-----END PGP MESSAGE-----";
/** An armor header is a remark that a program makes; more would be text that somebody wrote (RFC 9580 §6.2.2.1). */
const ARMOR_HEADER = /^(?:Version|Comment|Hash|Charset|MessageID): [\x20-\x7e]{0,100}$/;

/**
 * Reads an encrypted message by its full grammar: session keys, then exactly one container with integrity protection, and
 * nothing in front, between or behind (RFC 9580 §10.3). Armored or binary. Undefined for everything else: text could
 * stand there.
 */
export function readWholeCiphertext(bytes: Uint8Array): WholeCiphertext | undefined {
  const binary = binaryOf(asBuffer(bytes));
  if (binary === undefined) return undefined;
  try {
    const packets = readPackets(binary, MAX_PACKETS).filter((each) => !isMarker(each));
    const container = packets.at(-1);
    if (container === undefined || !isContainer(container)) return undefined;
    const names = packets.slice(0, -1).map(nameOf);
    if (names.includes(undefined)) return undefined;
    const known = names.filter((name) => name !== "");
    const hidden = known.filter((name) => name === HIDDEN).length;
    return { keys: new Set(known.filter((name) => name !== HIDDEN)).size + hidden };
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
}

/** Whether binary octets begin with a session key whose numbers fill its packet exactly: chance does not make one. */
export function beginsWithSessionKey(bytes: Uint8Array): boolean {
  try {
    return nameOf(readFirstPacket(bytes)) !== undefined;
  } catch (error) {
    if (error instanceof Damaged) return false;
    throw error;
  }
}

/** The whole text is one block; undefined when there is anything beside it. */
function binaryOf(bytes: Buffer): Uint8Array | undefined {
  if (isBinary(bytes)) return bytes;
  const armor = isOneBlock(bytes) ? dearmor(bytes) : undefined;
  if (armor?.kind !== "armored" || armor.label !== "MESSAGE") return undefined;
  const { headers } = armor;
  const isPlain = headers.length <= MAX_HEADERS && headers.every((line) => ARMOR_HEADER.test(line));
  return isPlain ? armor.data : undefined;
}

const MAX_HEADERS = 6;

function isOneBlock(bytes: Buffer): boolean {
  const begin = bytes.indexOf(MESSAGE_BEGIN);
  const end = bytes.indexOf(MESSAGE_END);
  return (
    begin !== -1 &&
    end !== -1 &&
    bytes.indexOf(BEGIN, begin + 1) === -1 &&
    isBlank(bytes.subarray(0, begin)) &&
    isBlank(bytes.subarray(end + MESSAGE_END.length))
  );
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet === 32 || octet === 9 || octet === 13 || octet === 10);
}

/** Padding is no such thing: it may hold anything (RFC 9580 §5.14). */
function isMarker({ tag, body }: Packet): boolean {
  return tag === PACKET.marker && body.toString("latin1") === "PGP";
}

/** RFC 9580 §5.13: version 1, or version 2 with cipher, mode, chunk size and salt. Version 1 is GnuPG's OCB too. */
function isContainer({ tag, body }: Packet): boolean {
  if (body.length < LEAST_CONTAINER_OCTETS) return false;
  const [version] = body;
  if (tag === OCB_ENCRYPTED) return version === 1 && hasMode(body);
  return tag === PACKET.encrypted && (version === 1 || (version === 2 && hasMode(body)));
}

function hasMode(body: Uint8Array): boolean {
  const [, cipher = 0, mode = 0, chunk = 99] = body;
  return cipher >= 1 && cipher <= 13 && mode >= 1 && mode <= 3 && chunk <= 56;
}

const HIDDEN = "hidden";

/** Whom a session key is for; "" for a password, undefined for what is no session key. @throws Damaged */
function nameOf({ tag, body }: Packet): string | undefined {
  if (tag === SYMMETRIC_SESSION_KEY) return body.length <= MAX_PASSWORD_OCTETS ? "" : undefined;
  const pkesk = tag === PACKET.publicKeySessionKey ? readPkesk(body) : undefined;
  if (pkesk === undefined || !isFilled(pkesk)) return undefined;
  return pkesk.fingerprint ?? pkesk.keyId ?? HIDDEN;
}

/** Version, cipher, mode, S2K with its salt, nonce, session key, tag (RFC 9580 §5.3). */
const MAX_PASSWORD_OCTETS = 120;

const INTEGERS: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 1],
  [16, 2],
]);
const EPHEMERAL: ReadonlyMap<number, number> = new Map([
  [25, 32],
  [26, 56],
]);
const ECDH = 18;
const MAX_WRAPPED_OCTETS = 64;
/** The post-quantum algorithms have session keys of one size, more than a kilobyte: ML-KEM with a curve. */
const LARGE: ReadonlyMap<number, number> = new Map([
  [35, 1088 + 32],
  [36, 1568 + 56],
]);

/** Whether the numbers of a session key packet fill it exactly (RFC 9580 §5.1.3 to §5.1.7). @throws Damaged */
function isFilled({ algorithm, body }: Pkesk): boolean {
  const cursor = cursorOver(body);
  const integers = INTEGERS.get(algorithm);
  const octets = EPHEMERAL.get(algorithm) ?? LARGE.get(algorithm);
  if (integers !== undefined) {
    for (let left = integers; left > 0; left -= 1) cursor.integer();
    return cursor.left() === 0;
  }
  if (octets !== undefined) cursor.take(octets);
  else if (algorithm === ECDH) cursor.integer();
  else return false;
  const size = cursor.octet();
  return size <= MAX_WRAPPED_OCTETS && size === cursor.left();
}
