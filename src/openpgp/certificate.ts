import { readKeys } from "openpgp";

import { AppError, errorText } from "../base/errors.ts";
import { type Fingerprint, parseFingerprint } from "./fingerprint.ts";
import { certificateConfig } from "./profile.ts";

/** A transferable public key (RFC 9580 §10.1), read but not judged: `acceptance.ts` says what it is good for. */
export type Certificate = {
  readonly fingerprint: Fingerprint;
  readonly version: 4 | 6;
  /** Binary transferable public key. */
  readonly bytes: Uint8Array;
  readonly created: Date;
  readonly userIds: readonly string[];
  readonly subkeyFingerprints: readonly Fingerprint[];
  readonly algorithm: { readonly id: number; readonly name: string; readonly bits: number };
};

/** What reading certificates came to. */
export type ParsedCertificates =
  | { readonly kind: "parsed"; readonly certificates: readonly Certificate[] }
  | { readonly kind: "malformed"; readonly reason: string };

/** Reads one or several certificates, binary or armored. */
export async function parseCertificates(input: Uint8Array): Promise<ParsedCertificates> {
  try {
    const keys = await readKeys({ binaryKeys: input, config: certificateConfig });
    return {
      kind: "parsed",
      certificates: keys.map((key) => {
        const fingerprint = parseFingerprint(key.getFingerprint());
        const { version } = key.keyPacket;
        if (fingerprint === undefined || (version !== 4 && version !== 6)) {
          throw new AppError("unsupported version", { temporary: false });
        }
        return {
          fingerprint,
          version,
          bytes: key.write(),
          created: key.getCreationTime(),
          userIds: key.getUserIDs(),
          subkeyFingerprints: key.subkeys.flatMap(
            (subkey) => parseFingerprint(subkey.getFingerprint()) ?? [],
          ),
          algorithm: {
            id: key.keyPacket.algorithm,
            name: key.getAlgorithmInfo().algorithm,
            bits: 0,
          },
        };
      }),
    };
  } catch (error) {
    return { kind: "malformed", reason: errorText(error) };
  }
}
