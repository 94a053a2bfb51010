/**
 * Taking over a secret key that a user brings along, from whatever software: read with our own code and limits, judged,
 * unlocked, proven to belong together, and written down as our own keys are. Everything hostile ends here, before the
 * library or OpenSSL see it.
 */
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { EmailAddress } from "../mail/address.ts";
import { type Certificate, certificateOf } from "./certificate.ts";
import { judgeImport } from "./import-certificate.ts";
import type { ImportRefusal } from "./import-refusal.ts";
import { normalise } from "./normalised-key.ts";
import { ownKeys } from "./own-keys.ts";
import { genericRevocationFor } from "./revocation.ts";
import { provesItsSecret } from "./secret-fit.ts";
import { type UnlockedKey, readSecretKey } from "./secret-key.ts";
import { serializeSecret } from "./secret-packets.ts";
import { readTransferableSecretKey } from "./transferable-secret-key.ts";
import { unlockAll } from "./unlocked-secrets.ts";

export { type ImportRefusal, explainRefusal } from "./import-refusal.ts";

/** What becomes of a secret key that a user brings along. */
export type ImportedSecretKey =
  | {
      readonly kind: "importable";
      /**
       * Raw, unlocked, binary transferable secret key with nothing in it that was not proven; it has all of its owner's
       * user IDs. The caller disposes it.
       */
      readonly secretKey: Secret;
      /** What is to be published: one user ID, which is the address, and what is usable. */
      readonly certificate: Certificate;
      /** Binary revocation signature of reason 0, to be kept wrapped before the certificate is published. */
      readonly genericRevocation: Uint8Array;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "refused"; readonly reason: ImportRefusal };

/**
 * Reads, judges, unlocks and proves a secret key for an address, armored or binary; `passphrase` stays the caller's and is
 * not looked at when the key is not locked. Limits: those of `readTransferableSecretKey`, 12 keys, and what `isCostly` says of
 * the time that unlocking takes; RSA from 3072 bits.
 */
export async function importSecretKey(o: {
  readonly bytes: Uint8Array;
  readonly passphrase: Secret | undefined;
  readonly address: EmailAddress;
  readonly now: Date;
}): Promise<ImportedSecretKey> {
  const read = readTransferableSecretKey(o.bytes);
  if (typeof read === "string") return refused(read);
  const judged = await judgeImport(certificateOf(read.parts), o.address, o.now);
  if (judged.kind === "refused") {
    return refused(judged.reason === "secret-key" ? "malformed" : judged.reason);
  }
  const { certificate, expires } = judged;
  const kept = await normalise(read, { published: certificate, address: o.address, now: o.now });
  if (typeof kept === "string") return refused(kept);
  const secrets = await unlockAll(kept.keys, o.passphrase);
  if (typeof secrets === "string") return refused(secrets);
  using unlocked = secrets;
  const secretKey = serializeSecret(kept.parts, unlocked.bodyFor);
  const genericRevocation = await proveAndRevoke(secretKey, kept.keys.length, o.now);
  if (genericRevocation !== undefined) {
    return { kind: "importable", secretKey, certificate, genericRevocation, expires };
  }
  secretKey[Symbol.dispose]();
  return refused("mismatched-parts");
}

const refused = (reason: ImportRefusal): ImportedSecretKey => ({ kind: "refused", reason });

/** The generic revocation of a key all of whose secrets belong to their public keys; undefined for any other. */
async function proveAndRevoke(
  secretKey: Secret,
  keys: number,
  now: Date,
): Promise<Uint8Array | undefined> {
  using key = await readOrNothing(secretKey);
  const own = key === undefined ? [] : ownKeys(key);
  if (key === undefined || own.length !== keys) return undefined;
  for (const each of own) if (!(await provesItsSecret(each, now))) return undefined;
  // Awaited here, while the key is there.
  return await genericRevocationFor(key, now);
}

/** The library may find a fault that we did not. */
async function readOrNothing(secretKey: Secret): Promise<UnlockedKey | undefined> {
  try {
    return await readSecretKey(secretKey);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
