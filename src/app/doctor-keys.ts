import type { Config } from "../config/config.ts";
import type { DoctorDeps } from "../doctor/doctor.ts";
import { acceptForEncryption } from "../openpgp/certificates/acceptance.ts";
import { parseCertificates } from "../openpgp/certificates/certificate.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import type { ServiceKeys } from "../vault/service-key.ts";
import { unwrapRevocation } from "../vault/wrapped-rows.ts";
import { formerFile, openServiceKeys } from "./service-key-file.ts";

/** Our own acceptance test, on the first certificate of some bytes. */
export const accept: DoctorDeps["accept"] = async (bytes, address, now) => {
  const parsed = await parseCertificates(bytes);
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  if (certificate === undefined) return { kind: "unusable", reason: "unparsable" };
  const accepted = await acceptForEncryption(certificate, address, now);
  if (accepted.kind === "unusable") return accepted;
  return {
    kind: "acceptable",
    fingerprint: certificate.fingerprint,
    expires: accepted.expires,
  };
};

/**
 * Whether a generic revocation is there and opens. Without a service key, which another check misses, only the first is
 * told; one that lies on its owner's device cannot be tried.
 */
export function revocationCheck(
  store: Store,
  serviceKeys: ServiceKeys | undefined,
): DoctorDeps["revocation"] {
  return async ({ fingerprint }) => {
    const row = await selectGenericRevocation(store, fingerprint);
    if (row === undefined) return "missing";
    if (serviceKeys === undefined || row.wrapped.length === 0) return "good";
    using revocation = unwrapRevocation(serviceKeys, row);
    return revocation === undefined ? "altered" : "good";
  };
}

/** The service keys, former ones too, if their files can be read. */
export function readServiceKeys(file: string): ServiceKeys | undefined {
  try {
    return openServiceKeys(file);
  } catch {
    return undefined; // The check of the file itself says what is wrong.
  }
}

/** Where the service keys lie. */
export function serviceKeyFiles({
  secrets,
}: Config): Pick<DoctorDeps, "serviceKeyFile" | "formerKeysFile"> {
  const { serviceKeyFile } = secrets;
  return { serviceKeyFile, formerKeysFile: formerFile(serviceKeyFile) };
}
