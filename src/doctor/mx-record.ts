import { ok, skip, warn, type Judgement } from "./finding.ts";
import type { Check, Visit } from "./visit.ts";

/** Whether the world's mail for a domain comes to this server. */
export const mxRecord: Check<Visit> = {
  name: "mx",
  why: "Mail for the domain goes where its MX records say: Sealpost opens only what passes through it.",
  run: async ({ deps, domain }) => [judge(await deps.inspector.mx(domain), deps, domain)],
};

function judge(
  { answer }: Awaited<ReturnType<Visit["deps"]["inspector"]["mx"]>>,
  { hostname, takesMx }: Visit["deps"],
  domain: string,
): Judgement {
  const line = `${domain}. IN MX 10 ${hostname}.`;
  if (answer.kind === "indeterminate") {
    return skip(
      "the MX records",
      `the DNS gives no answer that can be relied on: ${answer.reason}`,
    );
  }
  const records = answer.kind === "answer" ? answer.records : [];
  const hosts = records
    .toSorted((a, b) => a.preference - b.preference)
    .map(({ host }) => host.toLowerCase());
  if (hosts.length === 0) {
    return warn(
      `${domain} has no MX record: its mail goes to its own address, or nowhere`,
      `Add: ${line}`,
    );
  }
  if (hosts.every((host) => host === "." || host === "")) {
    return warn(`${domain} says that it takes no mail`, `Replace the record by: ${line}`);
  }
  if (hosts.includes(hostname.toLowerCase())) return ok(`mail for ${domain} comes to ${hostname}`);
  const named = hosts.join(", ");
  return takesMx
    ? warn(
        `mail for ${domain} goes to ${named}, and [listen.mx] is ${hostname}`,
        `See that ${named} hands it on to this server; or add: ${line}`,
      )
    : ok(`mail for ${domain} goes to ${named}, which hands it to us by LMTP`);
}
