import type { Resolver, SrvRecord } from "../dns/dns.ts";
import { classifyHkp } from "../dns/service-class.ts";
import { orderTargets, usableTargets } from "../dns/srv.ts";
import type { Domain } from "../mail/address.ts";
import type { Continuity } from "./continuity.ts";

/** Where a domain's keyserver is. `dns` is the evidence. */
export type Location =
  | { readonly kind: "located"; readonly targets: readonly SrvRecord[]; readonly dns: string }
  | {
      readonly kind: "no-service";
      readonly code: "NOSVC" | "INSEC";
      readonly isProven: boolean;
      readonly dns: string;
    }
  | { readonly kind: "unsure"; readonly reason: string; readonly dns: string };

const MAX_TARGETS = 4;

/**
 * Asks for `_hkp._tcp.<domain>` and nothing else: the mail domain itself, never its parents or its MX, which may be
 * other people's. Gives the hosts in the order in which they are to be asked, four at most.
 */
export async function locate(
  deps: {
    readonly resolver: Resolver;
    readonly continuity: Continuity;
    readonly random: () => number;
  },
  domain: Domain,
  signal: AbortSignal,
): Promise<Location> {
  const answer = await deps.resolver.srv(`_hkp._tcp.${domain}`, signal);
  const { class: hkpClass, evidence: dns } = classifyHkp(answer);
  if (!(await deps.continuity(domain, hkpClass))) {
    return { kind: "unsure", reason: "its service has vanished without proof", dns };
  }
  switch (hkpClass) {
    case "NO_SERVICE":
      return { kind: "no-service", code: "NOSVC", isProven: true, dns };
    case "NO_SERVICE_INSECURE":
      return { kind: "no-service", code: "NOSVC", isProven: false, dns };
    case "INSECURE_SRV":
      return { kind: "no-service", code: "INSEC", isProven: false, dns };
    case "INDETERMINATE":
      return { kind: "unsure", reason: "the DNS gives no answer", dns };
    case "SECURE_SRV": {
      const records = answer.kind === "answer" ? usableTargets(answer.records) : [];
      const targets = orderTargets(records, deps.random).slice(0, MAX_TARGETS);
      return { kind: "located", targets, dns };
    }
  }
}
