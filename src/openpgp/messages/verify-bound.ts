import type { EmailAddress } from "../../mail/address.ts";
import type { Certificate } from "../certificates/certificate.ts";
import { checkSigner, type KeyEnd } from "../certificates/signer.ts";
import type { SignatureFacts } from "./signature-facts.ts";
import { verifySignature } from "./verify.ts";

/** Whether a signature holds, and its certificate binds the key that made it to an address. `reason` is for the details. */
export type BoundCheck =
  | {
      readonly kind: "bound";
      /** How the key ended after it signed. */
      readonly ended?: KeyEnd;
    }
  | { readonly kind: "invalid"; readonly reason: string };

/**
 * `verifySignature`, and where the signature holds `checkSigner` of the key that made it, as one piece of work: the way to
 * a thread and back costs as much as a fourth of the mathematics. A signature without a creation time is invalid.
 */
export async function verifyBound(o: {
  readonly data: Uint8Array;
  readonly signature: SignatureFacts;
  readonly certificate: Certificate;
  readonly address: EmailAddress;
  readonly now: Date;
  /** Whether the certificate of `ada@` counts for `ada+x@`. */
  readonly subaddress: boolean;
}): Promise<BoundCheck> {
  const { certificate, address, now, subaddress } = o;
  const verified = await verifySignature(o);
  if (verified.kind === "invalid") return verified;
  const { created: signedAt } = o.signature;
  if (signedAt === undefined) return { kind: "invalid", reason: "no creation time" };
  const signer = { keyFingerprint: verified.keyFingerprint, signedAt };
  const bound = await checkSigner(certificate, address, signer, { now, subaddress });
  return bound.kind === "bound" ? bound : { kind: "invalid", reason: bound.reason };
}
