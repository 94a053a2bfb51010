import { usableTargets } from "../dns/srv.ts";
import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import { noAnswer } from "./srv-record.ts";
import type { Check, Target, Visit } from "./visit.ts";

/** Whether the hosts that the SRV record names are proper names with addresses. */
export const srvTarget: Check<Visit> = {
  name: "target",
  why: "Senders connect to the host that the SRV record names. A name without an address, or one that is no host name, is a keyserver that nobody reaches.",
  run: async ({ targets }) =>
    targets.length === 0
      ? [skip("the keyserver's addresses", "no SRV record names a host")]
      : targets.map(judge),
};

export function judge(target: Target): Judgement {
  const { host, port, addresses } = target;
  const { answer, aliases } = addresses;
  if (usableTargets([{ target: host, port, priority: 0, weight: 0 }]).length === 0) {
    return fail(
      `${host}:${port} is no host that can be asked`,
      "Name a host with a full name (no address, no single label) and a port other than 0.",
    );
  }
  if (answer.kind === "indeterminate") return noAnswer(host, answer);
  if (answer.kind === "empty") {
    return fail(
      `${host} has no address`,
      `Add to its zone: ${host}. 3600 IN A ADDRESS (and AAAA, if it has IPv6)`,
    );
  }
  const found = `${host} is at ${answer.records.join(", ")}`;
  const isSecure = answer.dnssec === "secure";
  const plain = `Replace the alias by address records: ${host}. 3600 IN A ${answer.records[0] ?? "ADDRESS"}`;
  if (aliases.length === 0) {
    return isSecure
      ? ok(`${found}, signed`)
      : warn(
          `${found}, but the zone of that name is not signed`,
          `Sign the zone of ${host} and put its DS record into the parent zone. TLS still proves the name, so senders accept it; DANE would not.`,
        );
  }
  const alias = `${host} is an alias of ${aliases.join(" and ")}`;
  // A target must be no alias (RFC 2782, "Target"): not every client follows one.
  return isSecure
    ? warn(`${alias}, which an SRV target must not be`, plain)
    : fail(`${alias}, and leaves the signed zones that way`, plain);
}
