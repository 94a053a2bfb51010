import { after } from "../../base/time.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { type Certificate, partsOf } from "./certificate.ts";
import { MAY_SIGN, keyFlagsIn } from "./flags.ts";
import { checkSigner } from "./signer.ts";
import { SKEW_MS } from "./validity.ts";

/**
 * The keys of a certificate whose signatures, made now, are those of the address. A key that is a little ahead of our clock
 * is taken at its creation.
 */
export async function signingKeysOf(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<readonly Fingerprint[]> {
  const able: Fingerprint[] = [];
  const parts = partsOf(certificate);
  const materials = parts === undefined ? [] : [parts.primary, ...parts.subkeys];
  for (const { material } of materials) {
    if (material === undefined || material.created > after(now, SKEW_MS)) continue;
    const { created, fingerprint: keyFingerprint } = material;
    const signedAt = created > now ? created : now;
    const check = await checkSigner(certificate, address, { keyFingerprint, signedAt }, { now });
    if (check.kind === "bound" && check.ended === undefined) {
      able.push(keyFingerprint);
    }
  }
  return able;
}

/** The subkeys that are for signing, whatever became of them. Nothing is verified: for own certificates. */
export function signingSubkeysOf(certificate: Certificate): readonly Fingerprint[] {
  const parts = partsOf(certificate);
  return (parts?.subkeys ?? []).flatMap((subkey) => {
    const maySign = parts !== undefined && (keyFlagsIn(parts, subkey).keyFlags & MAY_SIGN) !== 0;
    return maySign && subkey.material !== undefined ? subkey.material.fingerprint : [];
  });
}
