import { isProgramFault } from "../base/errors.ts";
import { dearmor } from "./armor.ts";
import { Damaged } from "./damaged.ts";
import type { Fingerprint, KeyId } from "./fingerprint.ts";
import { keyIdOf } from "./fingerprint.ts";
import { MAY_ENCRYPT } from "./flags.ts";
import { type Content, readContent, readEncryptedMessage } from "./message-grammar.ts";
import { type OwnKey, ownKeys } from "./own-keys.ts";
import { PACKET, packetHeader } from "./packet.ts";
import { type Pkesk, type RecipientKey, openPkesk, writePkesk } from "./pkesk.ts";
import type { UnlockedKey } from "./secret-key.ts";
import { type Container, openContainer } from "./seipd.ts";
import type { SessionKey } from "./session-key.ts";
import { type SignatureFacts, signatureFacts } from "./verify.ts";

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
  | { readonly kind: "damaged"; readonly reason: string };

const MOST_OCTETS = 50 * 1024 * 1024;
const MOST_ARMORED_OCTETS = 70 * 1024 * 1024;
/** Tries of own keys with session keys that name nobody (RFC 9580 §5.1.8). */
const MOST_ANONYMOUS_TRIES = 20;
/** A container is tried with several keys while this many octets are not used up. */
const MOST_TRIED_OCTETS = 2 * MOST_OCTETS;

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
    return { kind: "damaged", reason: error.message };
  }
}

/** RSA keys for signatures alone must not decrypt; the other algorithms do one thing only. */
function mayDecrypt({ material, publicPart, keyFlags }: OwnKey): boolean {
  return material.mayEncrypt && (publicPart.kind !== "rsa" || (keyFlags & MAY_ENCRYPT) !== 0);
}

function binaryOf(message: Uint8Array): Uint8Array {
  if (message.length > MOST_ARMORED_OCTETS) throw new Damaged("too large");
  const isBinary = (message[0] ?? 0) >= 0x80;
  const armored = isBinary ? undefined : dearmor(message);
  if (armored !== undefined && (armored.kind !== "armored" || armored.label !== "MESSAGE")) {
    throw new Damaged("not an armored message");
  }
  const binary = armored?.kind === "armored" ? armored.data : message;
  if (binary.length > MOST_OCTETS) throw new Damaged("too large");
  return binary;
}

/**
 * The same message for another reader: its session key, proven by opening the container, is encrypted to `recipient`
 * alone, and the container stays as it was made. Binary. Undefined when none of the keys opens it.
 * @throws Damaged when it is not intact
 */
export async function readdress(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
  readonly recipient: RecipientKey;
}): Promise<Uint8Array | undefined> {
  const own = o.keys.flatMap((key) => ownKeys(key)).filter(mayDecrypt);
  const { pkesks, container, containerBody } = readEncryptedMessage(binaryOf(o.message));
  let written: Uint8Array | undefined;
  await openWithFirst([...candidatesOf(pkesks, own)], container, (sessionKey) => {
    written = writePkesk(container.version === 1 ? 3 : 6, o.recipient, sessionKey);
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
    signatures: signatures.map((body) => signatureFacts(body)),
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
  let tries = 0;
  for (const pkesk of pkesks.filter(({ keyId }) => keyId === undefined)) {
    for (const key of own) {
      if (key.material.algorithm.id !== pkesk.algorithm) continue;
      tries += 1;
      if (tries > MOST_ANONYMOUS_TRIES) return;
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
 * @throws Damaged when one was and does not open it
 */
async function openWithFirst(
  candidates: readonly Candidate[],
  container: Container,
  opened: (sessionKey: SessionKey) => void = () => undefined,
): Promise<{ readonly key: OwnKey; readonly content: Content } | undefined> {
  const cipher = container.version === 2 ? container.cipher : undefined;
  let triedOctets = 0;
  let wasForUs = false;
  for (const { pkesk, key } of candidates) {
    const sessionKey = openPkesk(pkesk, key, { cipher });
    // What is wrapped for a curve proves by itself whose it is; RSA does not.
    const isCurve = sessionKey !== undefined && key.publicPart.kind !== "rsa";
    wasForUs ||= pkesk.keyId !== undefined || isCurve;
    if (sessionKey === undefined) continue;
    if (triedOctets > 0 && triedOctets + container.data.length > MOST_TRIED_OCTETS) break;
    triedOctets += container.data.length;
    const plain = await plainOf(container, sessionKey, opened);
    if (plain !== undefined) return { key, content: await readContent(plain) };
  }
  // Which key failed, and how, is nobody's business.
  if (wasForUs) throw new Damaged("no session key opens the container");
  return undefined;
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
    if (isProgramFault(error)) throw error;
    return undefined;
  } finally {
    sessionKey.bytes.fill(0);
  }
}
