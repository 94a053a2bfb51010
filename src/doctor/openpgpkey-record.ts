import { formatAddress } from "../mail/address.ts";
import { openpgpkeyName } from "../mail/openpgpkey-label.ts";
import { ok, skip, warn } from "./finding.ts";
import type { Check, Visit } from "./visit.ts";

/** Whether the certificate in the DNS, where there is one, is the current one. */
export const openpgpkeyRecord: Check<Visit> = {
  name: "openpgpkey",
  why: "A certificate in the DNS (RFC 7929) does not change by itself: after a new key its readers still seal to the old one.",
  run: async ({ deps, domain, sample }) => {
    if (sample === undefined) return [];
    const { answer } = await deps.inspector.openpgpkey(openpgpkeyName(sample.address));
    const address = formatAddress(sample.address);
    const print = `sealpost dns records ${domain} --openpgpkey`;
    if (answer.kind === "indeterminate") return []; // The check `srv` says what is wrong with the zone.
    if (answer.kind === "empty") {
      const reason = "optional: not in the DNS";
      return [
        skip("certificates in the DNS", reason, `To have them, add what this prints: ${print}`),
      ];
    }
    const accepted = await Promise.all(
      answer.records.map(async (bytes) => deps.accept(bytes, sample.address, deps.clock.now())),
    );
    const isCurrent = accepted.some(
      (one) => one.kind === "acceptable" && one.fingerprint === sample.fingerprint,
    );
    return [
      isCurrent
        ? ok(`the certificate of ${address} in the DNS is the current one`)
        : warn(
            `the certificate of ${address} in the DNS is not the current one`,
            `Replace the OPENPGPKEY records by what this prints: ${print}`,
          ),
    ];
  },
};
