import type { EmailAddress } from "../mail/address.ts";
import { partsOf } from "../openpgp/certificates/certificate.ts";
import { userIdMatches } from "../openpgp/certificates/user-id.ts";
import type { Entry } from "./entries.ts";

/** Only of these is the length of a key not known from its algorithm. */
const WITH_BIT_LENGTH: ReadonlySet<number> = new Set([1, 2, 3, 16, 17]);
/** What we give to the address that the certificate is published for; nobody here vouches for the others. */
const VERIFIED = 120;

/** The index of HKP v2: a JSON array, hex in lower case, times as RFC 3339 writes them, in whole seconds. */
export function jsonIndex(entries: readonly Entry[], address: EmailAddress): string {
  return JSON.stringify(entries.map((entry) => indexEntry(entry, address)));
}

function indexEntry(entry: Entry, address: EmailAddress): object {
  const { certificate, isExpired, isRevoked, expiresAt } = entry;
  const { version, fingerprint, created, algorithm, userIds } = certificate;
  return {
    version,
    fingerprint: fingerprint.toLowerCase(),
    creation: inSeconds(created),
    ...(expiresAt === undefined ? {} : { expiration: inSeconds(expiresAt) }),
    isExpired,
    isRevoked,
    algorithm: { code: algorithm.id, name: algorithm.name },
    ...bitLength(algorithm),
    userIDs: userIds.map((uidString) => ({
      uidString,
      confidence: userIdMatches(uidString, address, { subaddress: false }) ? VERIFIED : 0,
      isRevoked: false,
    })),
    subkeys: (partsOf(certificate)?.subkeys ?? []).flatMap(({ material }) =>
      material === undefined
        ? []
        : [
            {
              version: material.version,
              fingerprint: material.fingerprint.toLowerCase(),
              algorithm: { code: material.algorithm.id, name: material.algorithm.name },
              ...bitLength(material.algorithm),
            },
          ],
    ),
  };
}

function bitLength({ id, bits }: { readonly id: number; readonly bits: number }): object {
  return WITH_BIT_LENGTH.has(id) ? { bitLength: bits } : {};
}

function inSeconds(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
