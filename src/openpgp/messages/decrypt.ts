import { isProgramFault } from "../../base/errors.ts";
import { MAY_ENCRYPT } from "../certificates/flags.ts";
import { type OwnKey, ownKeys } from "../keys/own-keys.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { cipherName } from "../packets/algorithms.ts";
import { dearmor, isBinary } from "../packets/armored-blocks.ts";
import { Damaged } from "../packets/damaged.ts";
import { type Fingerprint, type KeyId, keyIdOf } from "../packets/fingerprint.ts";
import { PACKET, packetHeader } from "../packets/packet.ts";
import { type Container, openContainer } from "../packets/seipd.ts";
import type { SessionKey } from "../packets/session-key.ts";
import { Unsupported } from "../packets/unsupported.ts";
import { type Content, readContent, readEncryptedMessage } from "./message-grammar.ts";
import { type Pkesk, type RecipientKey, openPkesk, writePkesk } from "./pkesk.ts";
import { type SignatureFacts, signatureFacts, unreadableSignature } from "./signature-facts.ts";

/** What decrypting came to. `reason` is for the log alone: a stranger must not learn how it failed. */
export type Decrypted =
  | {
      readonly kind: "decrypted";
      readonly data: Uint8Array;
      readonly signatures: readonly SignatureFacts[];
      /** The own key that opened it: its primary key. */
      readonly keyFingerprint: Fingerprint;
    }
  | { readonly kind: "no-key"; readonly keyIds: readonly KeyId[] }
  /** In a form that we do not read, whose name is for the reader. */
  | { readonly kind: "unsupported"; readonly form: string }
  | { readonly kind: "damaged"; readonly reason: string };

/** Maximum octets of what stands around the text: session keys for 64 recipients, tags of chunks, signatures. */
const ENVELOPE_OCTETS = 256 * 1024;
const MAX_OCTETS = 50 * 1024 * 1024 + ENVELOPE_OCTETS;
const MAX_ARMORED_OCTETS = 70 * 1024 * 1024;
/** Maximum work of trying own keys with session keys that name nobody (RFC 9580 §5.1.8); a try of a curve counts one. */
const MAX_ANONYMOUS_WORK = 4000;
/** RSA takes about that much longer than a curve. */
const WORK_OF_RSA = 20;
/** A container is tried with several keys while this many octets are not used up. */
const MAX_TRIED_OCTETS = 2 * MAX_OCTETS;
/** The same for RSA keys and a session key that names nobody: only the container tells whose it is. */
const MAX_GUESSED_OCTETS = 8 * MAX_OCTETS;
const TOO_LARGE = "more than 50 MiB";

/**
 * Decrypts an OpenPGP message, armored or binary, up to 50 MiB. Nothing is released before the whole of it is
 * authenticated and its grammar is right (THREAT_MODEL.md G2, G3). Expired and revoked own keys decrypt. Signatures are
 * read, not judged.
 */
export async function decrypt(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
}): Promise<Decrypted> {
  const own = o.keys.flatMap((key) => ownKeys(key)).filter(mayDecrypt);
  try {
    return await decryptWith(own, binaryOf(o.message));
  } catch (error) {
    // Our own trouble, with a stored key or in the program, is no fault of the message.
    if (!(error instanceof Damaged)) throw error;
    if (error instanceof Unsupported) return { kind: "unsupported", form: error.form };
    return { kind: "damaged", reason: error.message };
  }
}

/** RSA keys for signatures alone must not decrypt; the other algorithms do one thing only. */
function mayDecrypt({ material, publicPart, keyFlags }: OwnKey): boolean {
  return material.mayEncrypt && (publicPart.kind !== "rsa" || (keyFlags & MAY_ENCRYPT) !== 0);
}

function binaryOf(message: Uint8Array): Uint8Array {
  if (message.length > MAX_ARMORED_OCTETS) throw new Unsupported(TOO_LARGE);
  const armored = isBinary(message) ? undefined : dearmor(message);
  if (armored !== undefined && (armored.kind !== "armored" || armored.label !== "MESSAGE")) {
    throw new Damaged("not an armored message");
  }
  const binary = armored?.kind === "armored" ? armored.data : message;
  if (binary.length > MAX_OCTETS) throw new Unsupported(TOO_LARGE);
  return binary;
}

/**
 * The same message for another reader: its session key, proven by opening the container, is encrypted to `recipient`
 * alone, and the container stays as it was made. Binary. Undefined when none of the keys opens it, or it is not intact.
 */
export async function readdress(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
  readonly recipient: RecipientKey;
}): Promise<Uint8Array | undefined> {
  const own = o.keys.flatMap((key) => ownKeys(key)).filter(mayDecrypt);
  try {
    return await readdressWith(own, binaryOf(o.message), o.recipient);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    return undefined;
  }
}

async function readdressWith(
  own: readonly OwnKey[],
  binary: Uint8Array,
  recipient: RecipientKey,
): Promise<Uint8Array | undefined> {
  const { pkesks, container, containerBody } = readEncryptedMessage(binary);
  let written: Uint8Array | undefined;
  await openWithFirst([...candidatesOf(pkesks, own)], container, (sessionKey) => {
    written = writePkesk(container.version === 1 ? 3 : 6, recipient, sessionKey);
  });
  if (written === undefined) return undefined;
  const header = packetHeader(PACKET.encrypted, containerBody.length);
  return Buffer.concat([written, header, containerBody]);
}

async function decryptWith(own: readonly OwnKey[], binary: Uint8Array): Promise<Decrypted> {
  const { pkesks, container } = readEncryptedMessage(binary);
  const candidates = [...candidatesOf(pkesks, own)];
  const opened = await openWithFirst(candidates, container);
  if (opened === undefined) return noKey(pkesks);
  const { data, signatures } = opened.content;
  return {
    kind: "decrypted",
    data,
    signatures: signatures.map(({ body, isAnnounced }) =>
      isAnnounced ? signatureFacts(body) : unreadableSignature(body),
    ),
    keyFingerprint: opened.key.owner.fingerprint,
  };
}

function noKey(pkesks: readonly Pkesk[]): Decrypted {
  return { kind: "no-key", keyIds: [...new Set(pkesks.flatMap(({ keyId }) => keyId ?? []))] };
}

type Candidate = { readonly pkesk: Pkesk; readonly key: OwnKey };

/** Session keys for own keys; then those that name nobody, with every own key of their algorithm. */
function* candidatesOf(
  pkesks: readonly Pkesk[],
  own: readonly OwnKey[],
): Generator<Candidate, void> {
  for (const pkesk of pkesks) {
    for (const key of own) if (isNamed(pkesk, key)) yield { pkesk, key };
  }
  let work = 0;
  for (const pkesk of pkesks.filter(({ keyId }) => keyId === undefined)) {
    for (const key of own) {
      if (key.material.algorithm.id !== pkesk.algorithm) continue;
      work += key.publicPart.kind === "rsa" ? WORK_OF_RSA : 1;
      if (work > MAX_ANONYMOUS_WORK) return;
      yield { pkesk, key };
    }
  }
}

function isNamed(pkesk: Pkesk, { material }: OwnKey): boolean {
  return pkesk.fingerprint === undefined
    ? pkesk.keyId === keyIdOf(material.fingerprint)
    : pkesk.fingerprint === material.fingerprint;
}

/**
 * The content by the first session key under which the container is authentic; undefined when none was for us.
 * @throws Unsupported when one was for a cipher that we do not use
 * @throws Damaged when one was and does not open it
 */
async function openWithFirst(
  candidates: readonly Candidate[],
  container: Container,
  opened: (sessionKey: SessionKey) => void = () => undefined,
): Promise<{ readonly key: OwnKey; readonly content: Content } | undefined> {
  const cipher = container.version === 2 ? container.cipher : undefined;
  const mayTry = triesOf(container.data.length);
  let wasForUs = false;
  let foreign: number | undefined;
  for (const { pkesk, key } of candidates) {
    const sessionKey = openPkesk(pkesk, key, {
      cipher,
      foreign: (other) => {
        foreign = other;
      },
    });
    // What is wrapped for a curve proves by itself whose it is; RSA does not.
    const isCurve = sessionKey !== undefined && key.publicPart.kind !== "rsa";
    wasForUs ||= pkesk.keyId !== undefined || isCurve;
    if (sessionKey === undefined) continue;
    if (!mayTry(pkesk.keyId === undefined && !isCurve)) {
      // Another key may still open it without a guess.
      sessionKey.bytes.fill(0);
      continue;
    }
    const plain = await plainOf(container, sessionKey, opened);
    if (plain !== undefined) return { key, content: await readContent(plain) };
  }
  if (foreign !== undefined) throw new Unsupported(cipherName(foreign));
  return noneOpens(wasForUs);
}

/** Which key failed, and how, is nobody's business. */
function noneOpens(wasForUs: boolean): undefined {
  if (wasForUs) throw new Damaged("no session key opens the container");
}

/** Whether a container of this size is tried once more; the first time always. */
function triesOf(octets: number): (isGuess: boolean) => boolean {
  const left = { named: MAX_TRIED_OCTETS, guessed: MAX_GUESSED_OCTETS };
  let isFirst = true;
  return (isGuess) => {
    const kind = isGuess ? "guessed" : "named";
    left[kind] -= octets;
    const may = isFirst || left[kind] >= 0;
    isFirst = false;
    return may;
  };
}

/** What a container holds, if the session key is its own; the key is wiped. */
async function plainOf(
  container: Container,
  sessionKey: SessionKey,
  opened: (sessionKey: SessionKey) => void,
): Promise<Uint8Array | undefined> {
  try {
    const plain = await openContainer(container, sessionKey);
    opened(sessionKey);
    return plain;
  } catch (error) {
    if (isProgramFault(error) || error instanceof Unsupported) throw error;
    return undefined;
  } finally {
    sessionKey.bytes.fill(0);
  }
}
