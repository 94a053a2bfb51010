/** Certificates as the tables of `store/` take them: of no key at all. */
import assert from "node:assert/strict";

import { after, DAY, fromUnixMs } from "../../src/base/time.ts";
import { parseFingerprint, type Fingerprint } from "../../src/openpgp/packets/fingerprint.ts";
import type { PublishedCertificate } from "../../src/store/keys/certificates.ts";
import { saveGenericRevocation } from "../../src/store/keys/generic-revocations.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "./address.ts";
import { idOf } from "./accounts.ts";

export const now = fromUnixMs(1_800_000_000_000);

export function fingerprintOf(digit: string, length = 40): Fingerprint {
  const fingerprint = parseFingerprint(digit.repeat(length));
  assert(fingerprint);
  return fingerprint;
}

export const alice = addressOf("Alice@alpha.test");
export const bob = addressOf("bob@beta.test");

export function certificateOf(
  digit: string,
  more: Partial<PublishedCertificate> = {},
): PublishedCertificate {
  return {
    fingerprint: fingerprintOf(digit),
    version: 4,
    state: "active",
    bytes: Uint8Array.from([1, 0, 255]),
    createdAt: now,
    expiresAt: after(now, 100 * DAY),
    address: alice,
    ...more,
  };
}

export async function keepRevocation(store: Store, fingerprint: Fingerprint): Promise<void> {
  await saveGenericRevocation(store, {
    fingerprint,
    owner: idOf(alice),
    version: 1,
    wrapped: Uint8Array.from([1]),
    createdAt: now,
    serviceKey: "",
  });
}

/** Both engines give bytes in classes of their own. */
export function plain(certificate: PublishedCertificate | undefined): unknown {
  assert(certificate);
  return { ...certificate, bytes: Buffer.from(certificate.bytes).toString("hex") };
}
