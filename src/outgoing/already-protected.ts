/** Whether a client has encrypted a message itself: believed only where nothing in it could be text. */
import { asBuffer } from "../base/bytes.ts";
import { decodeBody, type Entity, rawBody } from "../mail/entity.ts";
import { scanRoot } from "../mail/mime.ts";
import { readWholeCiphertext } from "../openpgp/messages/whole-ciphertext.ts";
import { isEncryptedCms } from "../pgpmime/cms.ts";

/** What a submitted message is, by its content and by its name. */
export type ClientProtection =
  /** `keys`: for how many keys it is encrypted; undefined where that is not asked (S/MIME). */
  | { readonly kind: "protected"; readonly keys: number | undefined }
  /** It calls itself encrypted and is not, or not wholly: it must not leave as it is. */
  | { readonly kind: "claimed" }
  | { readonly kind: "none" };

const PGP_ENCRYPTED = "application/pgp-encrypted";
const OCTET_STREAM = "application/octet-stream";
const SMIME_ENCRYPTED = /^(?:auth)?enveloped-data$/i;
const ARMOR = "-----BEGIN PGP MESSAGE-----";
/** What mail programs write before the first part for readers without MIME; other text there is text. */
const PREAMBLE_LINE =
  /^(?:This is an OpenPGP\/MIME encrypted message \(RFC [\d, and]{4,20}\)|This is a multi-part message in MIME format\.?)?$/;
const CLAIMED: ClientProtection = { kind: "claimed" };

export function clientProtection(message: Uint8Array): ClientProtection {
  const root = scanRoot(message);
  const { type, subtype, parameters } = root.contentType;
  if (type === "multipart" && subtype === "encrypted") return multipart(message, root);
  if (type === "application" && /^(?:x-)?pkcs7-mime$/.test(subtype)) {
    if (root.defects.length === 0 && isEncryptedCms(strictBody(message, root))) {
      return { kind: "protected", keys: undefined };
    }
    // Signed data is content like any other.
    return SMIME_ENCRYPTED.test(parameters.get("smime-type") ?? "") ? CLAIMED : { kind: "none" };
  }
  return type === "text" && subtype === "plain" ? inline(message, root) : { kind: "none" };
}

/** RFC 3156 §4: a version part and a ciphertext part, nothing before, between or behind. */
function multipart(message: Uint8Array, root: Entity): ClientProtection {
  const [version, data, third] = root.parts;
  const isWellFormed =
    version !== undefined &&
    data !== undefined &&
    third === undefined &&
    root.contentType.parameters.get("protocol")?.trim().toLowerCase() === PGP_ENCRYPTED &&
    typeName(version) === PGP_ENCRYPTED &&
    typeName(data) === OCTET_STREAM &&
    [root, version, data].every(({ defects }) => defects.length === 0) &&
    /^\s*Version:[ \t]*1\s*$/i.test(textOf(rawBody(message, version))) &&
    isBare(message, root, version, data);
  const whole = isWellFormed ? readWholeCiphertext(strictBody(message, data)) : undefined;
  return whole === undefined ? CLAIMED : { kind: "protected", keys: whole.keys };
}

/** Only delimiters stand around the parts, and a remark that every mail program knows. */
function isBare(message: Uint8Array, root: Entity, first: Entity, last: Entity): boolean {
  const before = textOf(message.subarray(root.bodyStart, first.start)).split(/\r?\n/);
  const between = textOf(message.subarray(first.end, last.start)).split(/\r?\n/);
  const behind = textOf(message.subarray(last.end)).split(/\r?\n/);
  // The last line before a part is its delimiter.
  const isPlain = before.slice(0, -2).every((line) => PREAMBLE_LINE.test(line.trim()));
  const isDelimiter = (line: string): boolean => line.startsWith("--");
  return (
    isPlain &&
    between.filter((line) => line.trim() !== "").every(isDelimiter) &&
    between.filter((line) => line.trim() !== "").length === 1 &&
    behind.filter((line) => line.trim() !== "").length === 1
  );
}

/** The whole body is one armored message. */
function inline(message: Uint8Array, root: Entity): ClientProtection {
  const body = asBuffer(strictBody(message, root));
  const at = body.indexOf(ARMOR);
  const isClaimed = at !== -1 && textOf(body.subarray(0, at)).trim() === "";
  if (!isClaimed) return { kind: "none" };
  const whole = root.defects.length === 0 ? readWholeCiphertext(body) : undefined;
  return whole === undefined ? CLAIMED : { kind: "protected", keys: whole.keys };
}

/** The body with its transfer encoding undone; nothing where octets would be passed over on the way. */
function strictBody(message: Uint8Array, entity: Entity): Uint8Array {
  if (entity.encoding !== "base64") return decodeBody(message, entity);
  const digits = textOf(rawBody(message, entity)).replaceAll(/[ \t\r\n]/g, "");
  const isStrict = digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
  return isStrict ? Buffer.from(digits, "base64") : new Uint8Array();
}

function typeName({ contentType }: Entity): string {
  return `${contentType.type}/${contentType.subtype}`;
}

const textOf = (bytes: Uint8Array): string => asBuffer(bytes).toString("latin1");
