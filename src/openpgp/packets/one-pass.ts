import { cursorOver } from "./cursor.ts";
import { keyIdOf } from "./fingerprint.ts";
import { type SignaturePacket, readSignaturePacket } from "./signature-packet.ts";

/** What a one-pass signature packet says about the signature that comes after the document (RFC 9580 §5.4). */
type OnePass = {
  readonly version: 3 | 6;
  readonly type: number;
  readonly hash: number;
  readonly keyAlgorithm: number;
  readonly salt: Buffer;
  /** Key ID in version 3, fingerprint in version 6. */
  readonly issuer: string;
};

/** An issuer that is not named. */
const ANONYMOUS = "0".repeat(16);

/**
 * Whether a one-pass packet and a signature belong together: type, hash, algorithm, salt and issuer. A signature that
 * cannot be read belongs to anything: it is never valid.
 */
export function announces(onePass: Uint8Array | undefined, signature: Uint8Array): boolean {
  const made = readSignatureOrNone(signature);
  if (onePass === undefined || made === undefined) return onePass !== undefined;
  const said = readOnePass(onePass);
  return said !== undefined && isSame(said, made) && isSameIssuer(said, made);
}

function isSame(said: OnePass, made: SignaturePacket): boolean {
  return (
    (said.version === 6) === (made.version === 6) &&
    said.type === made.type &&
    said.hash === made.hashAlgorithm &&
    said.keyAlgorithm === made.keyAlgorithm &&
    said.salt.equals(made.salt)
  );
}

function isSameIssuer(said: OnePass, { issuer, issuerKeyId }: SignaturePacket): boolean {
  const keyId = issuerKeyId ?? (issuer && keyIdOf(issuer));
  const made = said.version === 6 ? issuer : keyId;
  return made === undefined || said.issuer === made || said.issuer === ANONYMOUS;
}

function readSignatureOrNone(body: Uint8Array): SignaturePacket | undefined {
  try {
    return readSignaturePacket(body);
  } catch {
    return undefined;
  }
}

function readOnePass(body: Uint8Array): OnePass | undefined {
  const cursor = cursorOver(body);
  const version = cursor.octet();
  if (version !== 3 && version !== 6) return undefined;
  const [type, hash, keyAlgorithm] = [cursor.octet(), cursor.octet(), cursor.octet()];
  const salt = version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
  const issuer = cursor.take(version === 6 ? 32 : 8);
  return { version, type, hash, keyAlgorithm, salt, issuer: issuer.toString("hex").toUpperCase() };
}
