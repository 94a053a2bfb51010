import type { Discovery } from "../discovery/outcome.ts";
import { formatAddress } from "../mail/address.ts";
import { addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { lookUpsFor, openFor } from "./open.ts";

/** `recipient check ADDRESS`. */
export const recipientCommands: readonly Command[] = [
  {
    name: "recipient check",
    operands: ["ADDRESS"],
    summary: "whether mail to an address can be sealed: one state code and why",
    options: {},
    run: check,
  },
];

/** What each code means, in a sentence. */
const MEANING: Readonly<Record<Discovery["code"], string>> = {
  OK: "mail to this address is sealed",
  "OK-CACHE": "mail to this address is sealed, with a certificate fetched earlier",
  LOCAL: "mail to this address is sealed, with the certificate kept here",
  NOSVC: "the domain announces no keyserver",
  INSEC: "the domain announces a keyserver, but its DNS is not signed, so it cannot be used",
  NOKEY: "the keyserver of the domain has no certificate for this address",
  BADKEY: "the published certificate cannot be used",
  "UNSURE-DNS":
    "DNS gave no answer that can be relied on; nothing is sent in clear because of this",
  "UNSURE-KS":
    "the keyserver gave no answer that can be relied on; nothing is sent in clear because of this",
};

async function check(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using vault = await openFor(call);
  using lookUps = await lookUpsFor(vault);
  const discovery = await lookUps.discoverer.discover(address);
  const view = viewOf(discovery);
  return answer(call, { address: formatAddress(address), ...view }, [
    `${view.code}: ${MEANING[discovery.code]}`,
    ...Object.entries({
      ...view.evidence,
      reason: view.reason,
      since: view.since,
      fingerprint: view.fingerprint,
    })
      .filter((entry): entry is [string, string] => entry[1] !== null)
      .map(([name, value]) => `  ${name.padEnd(12)} ${printable(value)}`),
  ]);
}

function viewOf(discovery: Discovery) {
  const { dns, keyserver, detail, checkedAt } = discovery.evidence;
  const isFound = discovery.kind === "found";
  return {
    code: discovery.code,
    kind: discovery.kind,
    since:
      discovery.kind === "unreachable" ? (discovery.lastingSince?.toISOString() ?? null) : null,
    reason: isFound ? null : (discovery.reason ?? null),
    fingerprint: isFound ? discovery.certificate.fingerprint : null,
    source: isFound ? discovery.source : null,
    fetchedAt: isFound ? discovery.fetchedAt.toISOString() : null,
    evidence: {
      dns: dns ?? null,
      keyserver: keyserver ?? null,
      detail: detail ?? null,
      checkedAt: checkedAt.toISOString(),
    },
  };
}
