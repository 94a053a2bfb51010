import type { TlsaRecord } from "../dns/inspector.ts";
import { tlsaLine, recordText } from "../dns/zone-lines.ts";
import type { TlsView } from "../fetch/probe.ts";
import { type Judgement, fail, ok, skip } from "./finding.ts";
import { noAnswer } from "./srv-record.ts";
import { type Check, type DoctorDeps, type Target, type Visit, placeName } from "./visit.ts";

type Seen = Extract<TlsView, { kind: "seen" }>;

/** Whether TLSA records, where there are any, fit the key that the server uses. */
export const tlsaRecord: Check<Visit> = {
  name: "tlsa",
  why: "Senders that know DANE refuse a server whose key is not in its TLSA record; without the record they trust the certificate alone.",
  run: async ({ deps, targets }) =>
    await Promise.all(targets.map(async (target) => judge(deps, target))),
};

async function judge(deps: DoctorDeps, target: Target): Promise<Judgement> {
  const { host, port, tls } = target;
  const name = `_${port}._tcp.${host}`;
  const seen = typeof tls === "string" ? [] : tls.filter((view) => view.kind === "seen");
  const lines = [...new Set(seen.map((view) => lineFor(target, view)))].join(" and ");
  const { answer } = await deps.inspector.tlsa(name);
  if (answer.kind === "indeterminate") return noAnswer(name, answer);
  if (answer.kind === "empty") {
    return skip(name, "optional: not in the DNS", lines === "" ? "" : `To have it, add: ${lines}`);
  }
  // Only what we print ourselves is compared: the key (1) of the server (3), by SHA-256 (1).
  const ours = answer.records.filter(
    (one) => `${one.usage}${one.selector}${one.matching}` === "311",
  );
  if (ours.length === 0) return skip(name, "it holds other kinds of TLSA records than 3 1 1");
  if (seen.length === 0) return skip(name, "the server shows no certificate (see tls)");
  return seen.every((view) => fits(ours, view))
    ? ok(`${name} holds the key of ${placeName(target)}`)
    : fail(`${name} does not hold the key that ${placeName(target)} uses`, `Publish: ${lines}`);
}

function fits(records: readonly TlsaRecord[], { spkiSha256 }: Seen): boolean {
  return records.some(({ data }) => Buffer.from(data).equals(spkiSha256));
}

function lineFor({ host, port }: Target, { spkiSha256 }: Seen): string {
  return recordText(tlsaLine({ name: host, port }, spkiSha256));
}
