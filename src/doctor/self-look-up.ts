import { SECOND } from "../base/time.ts";
import { askForAddress } from "../discovery/by-hkp.ts";
import { formatAddress } from "../mail/address.ts";
import type { PublishedCertificate } from "../store/keys/certificates.ts";
import { type Judgement, fail, ok, skip } from "./finding.ts";
import { type Check, type Target, type Visit, placeName, reachable } from "./visit.ts";

const LOOK_UP_MS = 15 * SECOND;

/** Whether the network gives the certificates that the database has as the current ones, one of each version of keys. */
export const selfLookUp: Check<Visit> = {
  name: "look-up",
  why: "A look-up of one of our own addresses, as any sender makes it, must give exactly the certificate that is current here.",
  run: async (visit) => {
    const { samples } = visit;
    const targets = reachable(visit);
    const what = "a look-up of an address of ours";
    if (targets.length === 0) return [skip(what, "no keyserver can be reached (see tls)")];
    if (samples.length === 0)
      return [skip(what, "no certificate is published for this domain that could be looked for")];
    const pairs = targets.flatMap((target) => samples.map((sample) => ({ target, sample })));
    return await Promise.all(pairs.map(async (one) => lookUp(visit, one.target, one.sample)));
  },
};

async function lookUp(
  { deps }: Visit,
  target: Target,
  sample: PublishedCertificate,
): Promise<Judgement> {
  const place = placeName(target);
  const address = formatAddress(sample.address);
  const named = `${address} (version ${String(sample.version)})`;
  const answer = await askForAddress(deps.get, {
    target: { target: target.host, port: target.port, priority: 0, weight: 0 },
    address: sample.address,
    isForIncoming: false,
    signal: AbortSignal.timeout(LOOK_UP_MS),
    now: deps.clock.now(),
  });
  switch (answer.kind) {
    case "key":
      return answer.certificate.fingerprint === sample.fingerprint
        ? ok(`${place} gives the current certificate of ${named}`)
        : fail(
            `${place} gives another certificate of ${named} (${answer.certificate.fingerprint}) than the current one (${sample.fingerprint})`,
            "See that the keyserver there uses this database, and that no cache or copy stands before it.",
          );
    case "no-key":
      return fail(
        `${place} has no certificate of ${named}, whose current one is ${sample.fingerprint}`,
        sample.version === 6
          ? "See that it serves this domain from this database, and that a proxy before it passes /pks/v2/ on: version 1 of HKP does not give version 6 keys."
          : "See that the keyserver there serves this domain (domains in its configuration) from this database.",
      );
    case "unusable":
      return fail(
        `${place} gives a certificate of ${named} that nobody may use: ${answer.reasons.join(", ")}`,
        `Look at it with: sealpost key show ${address}`,
      );
    case "failed":
      return fail(
        `${place} does not answer a look-up: ${answer.reason}`,
        "Look into the log of the keyserver, and of the proxy before it, if there is one.",
      );
  }
}
