import type { DnsAnswer, SrvRecord } from "./dns.ts";

/**
 * What the DNS says about a domain's keyserver. Only SECURE_SRV may be used; INDETERMINATE is no answer;
 * the others are reasons why the domain has no service for us.
 */
export type HkpClass =
  | "SECURE_SRV"
  | "NO_SERVICE"
  | "NO_SERVICE_INSECURE"
  | "INSECURE_SRV"
  | "INDETERMINATE";

/** The class with the words that explain it in a trace. */
export type HkpClassification = { readonly class: HkpClass; readonly evidence: string };

/** Classifies the answer for `_hkp._tcp.<domain>`. A domain says "no such service" by the target `.` (RFC 2782). */
export function classifyHkp(answer: DnsAnswer<SrvRecord>): HkpClassification {
  const kind = classOf(answer);
  const reason = answer.kind === "indeterminate" ? ` ${answer.reason}` : "";
  const codes = answer.ede.length === 0 ? "" : ` (EDE ${answer.ede.join(", ")})`;
  return { class: kind, evidence: `${kind}${reason}${codes}` };
}

function classOf(answer: DnsAnswer<SrvRecord>): HkpClass {
  switch (answer.kind) {
    case "indeterminate":
      return "INDETERMINATE";
    case "empty":
      return answer.dnssec === "secure" ? "NO_SERVICE" : "NO_SERVICE_INSECURE";
    case "answer":
      if (answer.dnssec === "insecure") return "INSECURE_SRV";
      return answer.records.every((record) => record.target === ".") ? "NO_SERVICE" : "SECURE_SRV";
  }
}
