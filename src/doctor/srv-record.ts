import type { DnsAnswer } from "../dns/dns.ts";
import { explainExtendedErrors, isDomainsFault } from "../dns/extended-error.ts";
import { classifyHkp } from "../dns/service-class.ts";
import { announcement, recordText } from "../dns/zone-lines.ts";
import { type Judgement, fail, failNow, ok, warn } from "./finding.ts";
import { type Check, type Visit, announcedAt } from "./visit.ts";

/** Whether the record that announces the keyserver is there, signed and proven, and names our keyserver. */
export const srvRecord: Check<Visit> = {
  name: "srv",
  why: "This record tells senders that the domain has keys and where. Without it, or without a valid signature on it, they do not seal.",
  run: async (visit) => [judge(visit)],
};

function judge(visit: Visit): Judgement {
  const { srv, domain } = visit;
  const name = announcedAt(domain);
  const line = recordText(announcement(domain, visit.deps.keyserver));
  switch (classifyHkp(srv.answer).class) {
    case "INDETERMINATE":
      return noAnswer(name, srv.answer);
    case "NO_SERVICE":
    case "NO_SERVICE_INSECURE":
      return srv.answer.kind === "answer"
        ? fail(`${name} says that there is no keyserver (target ".")`, `Replace it by: ${line}`)
        : fail(`${name} has no SRV record`, `Add to the zone of ${domain}: ${line}`);
    case "INSECURE_SRV":
      return unsigned(visit, name);
    case "SECURE_SRV":
      return namesOurs(visit, name, line);
  }
}

/** An answer that is none, in words: the domain's own fault, or trouble on the way that may pass. */
export function noAnswer(name: string, answer: DnsAnswer<unknown>): Judgement {
  const reason = answer.kind === "indeterminate" ? answer.reason : "";
  const words = explainExtendedErrors(answer.ede) || reason;
  if (!isDomainsFault(answer.ede)) {
    return failNow(
      `the DNS gives no answer for ${name}: ${words}`,
      "Try again later; if it stays so, look at the resolver and at the name servers of the zone.",
    );
  }
  return fail(`the DNS answer for ${name} is refused: ${words}`, repair(answer.ede));
}

function repair(ede: readonly number[]): string {
  if (ede.includes(7))
    return "Sign the zone again now, and find out why its signer stopped: signatures must be renewed days before they end.";
  if (ede.includes(8)) return "Set the clock of the signer and of this host (NTP).";
  if (ede.includes(9) || ede.includes(10))
    return "Put the DS record of the zone's present key into the parent zone (at the registrar), and serve the signed zone on every name server.";
  return "Sign the zone again and reload it on every name server; edit only the unsigned zone, never the signed file.";
}

function unsigned({ srv, domain }: Visit, name: string): Judgement {
  const [alias] = srv.aliases;
  return alias === undefined
    ? fail(
        `${name} is there, but the zone is not signed (DNSSEC)`,
        `Sign the zone of ${domain} and put its DS record into the parent zone, at the registrar. Test: dig +dnssec SRV ${name} (must show the flag "ad")`,
      )
    : fail(
        `${name} is an alias of ${srv.aliases.join(" and ")}, and not every zone on the way is signed`,
        `Put the SRV record into the signed zone of ${domain} itself, or sign the zone of ${alias}.`,
      );
}

function namesOurs({ srv, deps }: Visit, name: string, line: string): Judgement {
  const records = srv.answer.kind === "answer" ? srv.answer.records : [];
  const named = records.map(({ target, port }) => `${target}:${port}`).join(", ");
  const { name: host, port } = deps.keyserver;
  return records.some((record) => record.target === host && record.port === port)
    ? ok(`${name} is signed and names ${named}`)
    : warn(
        `${name} is signed and names ${named}, but the configuration says ${host}:${port}`,
        `Replace it by: ${line} (or set [listen.keyserver] name and port to what the record says)`,
      );
}
