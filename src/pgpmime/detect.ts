import { asBuffer } from "../base/bytes.ts";
import { type ContentType, dispositionOf } from "../mail/content-type.ts";
import { decodeBody, type Entity, type MimeDefect, rawEntity } from "../mail/entity.ts";
import { scanRoot } from "../mail/mime.ts";
import {
  readDetachedSignatures,
  type SignatureFacts,
} from "../openpgp/messages/signature-facts.ts";
import { dearmor, firstArmoredOctets, isBinary } from "../openpgp/packets/armored-blocks.ts";
import { firstMeaningfulTag } from "../openpgp/packets/packet.ts";
import { epilogueStart } from "./surroundings.ts";

/** What a whole message is, by its structure alone. */
export type Protection =
  /** `isRepaired`: it came in the one mangled shape that Exchange is known for. `part` is that of the ciphertext. */
  | {
      readonly kind: "sealed";
      readonly ciphertext: Uint8Array;
      readonly part: Entity;
      readonly isRepaired: boolean;
    }
  | {
      readonly kind: "signed";
      /** The first part as received, without the line end before the boundary (RFC 3156 §5). */
      readonly signedBytes: Uint8Array;
      readonly signature: Uint8Array;
      readonly signatures: readonly SignatureFacts[];
    }
  /** The whole body is one armored ciphertext. */
  | { readonly kind: "inline"; readonly ciphertext: Uint8Array }
  /** Encrypted S/MIME; one that is only signed is `none`, since anybody can read it. */
  | { readonly kind: "smime" }
  | { readonly kind: "none" };

const NONE: Protection = { kind: "none" };
const PGP_ENCRYPTED = "application/pgp-encrypted";
const PGP_SIGNATURE = "application/pgp-signature";
const PLAIN_ENCODINGS = new Set(["7bit", "8bit", "binary"]);
/** What cannot change which ciphertext is opened, and mail in transit suffers. */
const HARMLESS: readonly MimeDefect[] = ["unclosed", "garbage-line"];
/** RFC 8551 §3.2.2: what hides its content. */
const SMIME_ENCRYPTED = new Set(["enveloped-data", "authenveloped-data"]);
const MAX_VERSION_BYTES = 1000;
const ARMOR_BEGIN = "-----BEGIN PGP MESSAGE-----";
const ARMOR_END = "-----END PGP MESSAGE-----";
/** Session keys, and the containers of RFC 9580 and of GnuPG. */
const CIPHERTEXT: ReadonlySet<number> = new Set([1, 3, 9, 18, 20]);
const LF = 10;

/**
 * Whether the message as a whole, from its root inward, is protected (THREAT_MODEL.md G1, RFC 9787 §4). A layer further
 * inside, an extra part or another order is no protection. Never throws.
 */
export function detectProtection(message: Uint8Array): Protection {
  const root = scanRoot(message);
  const { type, subtype } = root.contentType;
  if (root.defects.some((defect) => !HARMLESS.includes(defect))) return NONE;
  if (type === "multipart") return detectMultipart(message, root);
  if (type === "application") {
    return isEncryptedSmime(root.contentType) ? { kind: "smime" } : NONE;
  }
  return type === "text" && subtype === "plain" ? detectInline(message, root) : NONE;
}

/** Encrypted S/MIME, by what it calls itself. */
export function isEncryptedSmime({ type, subtype, parameters }: ContentType): boolean {
  const kind = parameters.get("smime-type")?.toLowerCase() ?? "";
  const isSmime = type === "application" && /^(?:x-)?pkcs7-mime$/.test(subtype);
  return isSmime && SMIME_ENCRYPTED.has(kind);
}

function detectMultipart(message: Uint8Array, root: Entity): Protection {
  if (!PLAIN_ENCODINGS.has(root.encoding)) return NONE;
  const { subtype, parameters } = root.contentType;
  const protocol = parameters.get("protocol")?.trim().toLowerCase();
  if (subtype === "encrypted" && protocol === PGP_ENCRYPTED) {
    return detectSealed(message, root.parts, false);
  }
  if (subtype === "signed" && protocol === PGP_SIGNATURE) return detectSigned(message, root);
  // What some Exchange servers make of multipart/encrypted: this exact shape, nothing near it.
  const [first, ...rest] = root.parts;
  const isMangled = subtype === "mixed" && first !== undefined && isEmptyText(message, first);
  return isMangled ? detectSealed(message, rest, true) : NONE;
}

function detectSealed(
  message: Uint8Array,
  parts: readonly Entity[],
  isRepaired: boolean,
): Protection {
  const [version, data, third] = parts;
  const isWellFormed =
    version !== undefined &&
    data !== undefined &&
    third === undefined &&
    typeName(version.contentType) === PGP_ENCRYPTED &&
    typeName(data.contentType) === "application/octet-stream" &&
    isVersionPart(message, version, isRepaired) &&
    [version, data].every(({ defects }) => defects.every((one) => HARMLESS.includes(one)));
  if (!isWellFormed) return NONE;
  const ciphertext = decodeBody(message, data);
  // What holds no ciphertext is clear mail, whatever it is called.
  return beginsAsCiphertext(ciphertext)
    ? { kind: "sealed", ciphertext, part: data, isRepaired }
    : NONE;
}

/** Whether the first octets are those of an encrypted message, armored or not, also where it is cut off or damaged. */
function beginsAsCiphertext(bytes: Uint8Array): boolean {
  const first = isBinary(bytes) ? bytes : firstArmoredOctets(bytes, "MESSAGE");
  return first !== undefined && isCiphertext(first);
}

function typeName({ type, subtype }: ContentType): string {
  return `${type}/${subtype}`;
}

/**
 * What the part says protects nothing, and no reader is shown it. Gmail's interface empties it, and gateways write lines of
 * their own into it. The form of Exchange is repaired as it is alone.
 */
function isVersionPart(message: Uint8Array, part: Entity, isRepaired: boolean): boolean {
  if (part.end - part.bodyStart > MAX_VERSION_BYTES) return false;
  if (!isRepaired) return true;
  const text = asBuffer(decodeBody(message, part)).toString("latin1");
  return /^\s*Version:[ \t]*1\s*$/i.test(text);
}

function isEmptyText(message: Uint8Array, part: Entity): boolean {
  if (typeName(part.contentType) !== "text/plain" || part.isMalformed) return false;
  if (part.end - part.bodyStart > MAX_VERSION_BYTES) return false;
  return /^\s*$/.test(asBuffer(decodeBody(message, part)).toString("latin1"));
}

/** Stricter than for ciphertext: whatever is shown beside signed text would borrow its credit. */
function detectSigned(message: Uint8Array, root: Entity): Protection {
  const [signed, signature, third] = root.parts;
  const isWellFormed =
    !root.isMalformed &&
    signed !== undefined &&
    signature !== undefined &&
    third === undefined &&
    typeName(signature.contentType) === PGP_SIGNATURE &&
    !signature.isMalformed &&
    !signed.isMalformed;
  // The text before the first part is there in honest mail ("This is an OpenPGP/MIME signed message"): it is not shown.
  if (!isWellFormed || !isBlank(message.subarray(epilogueStart(message, signature.end)))) {
    return NONE;
  }
  const signedBytes = rawEntity(message, signed);
  const body = decodeBody(message, signature);
  return {
    kind: "signed",
    signedBytes,
    signature: body,
    signatures: readDetachedSignatures(body) ?? [],
  };
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9 || byte === 13 || byte === LF);
}

/** RFC 9787 §1.1.1: inline PGP is no layer of the message; it is opened on request alone, and its signature never shown. */
function detectInline(message: Uint8Array, root: Entity): Protection {
  if (dispositionOf(root.header).kind === "attachment") return NONE;
  const body = asBuffer(decodeBody(message, root));
  const isArmor =
    startsAtText(body, ARMOR_BEGIN) &&
    endsWithText(body, ARMOR_END) &&
    body.indexOf("-----BEGIN", body.indexOf(ARMOR_BEGIN) + 1) === -1;
  if (!isArmor) return NONE;
  const block = dearmor(body);
  return block.kind === "armored" && isCiphertext(block.data)
    ? { kind: "inline", ciphertext: body }
    : NONE;
}

function startsAtText(body: Buffer, text: string): boolean {
  const at = body.indexOf(text);
  return at !== -1 && isBlank(body.subarray(0, at));
}

function endsWithText(body: Buffer, text: string): boolean {
  const at = body.lastIndexOf(text);
  return at !== -1 && isBlank(body.subarray(at + text.length));
}

/**
 * Whether a binary OpenPGP message begins as an encrypted one does (RFC 9580 §10.3). Its first packet that is no marker,
 * no padding and of a known kind tells. The message may be cut off.
 */
export function isCiphertext(message: Uint8Array): boolean {
  const tag = firstMeaningfulTag(message);
  return tag !== undefined && CIPHERTEXT.has(tag);
}
