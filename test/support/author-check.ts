import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { checkSignature } from "../../src/incoming/check-signature.ts";
import { systemClock } from "../../src/base/time.ts";
import type { SignatureFacts } from "../../src/openpgp/messages/verify.ts";
import { bob, setUp } from "./discovery-world.ts";

/** What a signature of bob@beta.test comes to, whose domain publishes one certificate; and what mail to it would find. */
export async function asAuthor(
  published: Certificate,
  signed: Uint8Array,
  signatures: readonly SignatureFacts[],
): Promise<{ readonly signature: string; readonly recipient: string }> {
  const { askAuthor, askAuthorKey, discover } = await setUp(published);
  const judged = { signed, signatures, receivedAt: systemClock.now() };
  const check = await checkSignature({ askAuthor, askAuthorKey }, judged, undefined, bob, bob);
  const found = await discover(bob);
  return {
    signature: check.kind === "verified" ? check.kind : `${check.kind} ${check.reason}`,
    recipient: found.kind === "found" ? found.kind : (found.reason ?? found.code),
  };
}
