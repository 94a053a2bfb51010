import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

import { openReadOnly } from "../app/database.ts";
import { keyserverPlace } from "../app/keyserver-place.ts";
import { errorText } from "../base/errors.ts";
import { systemClock } from "../base/time.ts";
import { type Config, loadConfig } from "../config/config.ts";
import {
  type ZoneLine,
  announcement,
  courtesyLines,
  directoryHost,
  directoryLine,
  openpgpkeyLine,
  tlsaLine,
  zoneFileLine,
} from "../dns/zone-lines.ts";
import { certificatesForDns, type CertificateForDns } from "../keyserver/certificates-for-dns.ts";
import { type Domain, formatAddress, parseDomain } from "../mail/address.ts";
import { answer, type Call, type Command, UsageError } from "./command.ts";

/** `dns records DOMAIN`. */
export const dnsCommands: readonly Command[] = [
  {
    name: "dns records",
    operands: ["[DOMAIN]"],
    summary: "the lines for the zone of a domain (default: of every domain served)",
    options: {
      openpgpkey: { help: "with a record for each published certificate (OPENPGPKEY)" },
    },
    run: async (call) => {
      const config = await loadConfig(call.configFile);
      const domains = domainsAsked(call, config);
      const tlsa = await tlsaRecord(config);
      const certificates = call.has("openpgpkey")
        ? await certificateRecords(config, domains)
        : { records: [], notes: [] };
      const records = onlyOnce([
        ...domains.flatMap((domain) => zoneLines(config, domain)),
        ...tlsa.records,
        ...certificates.records,
      ]);
      const hostNotes = domains.flatMap((domain) => directoryNote(tlsa.certificate, domain));
      const zoneNotes = zoneNote(config, domains);
      const notes = [...zoneNotes, ...tlsa.notes, ...hostNotes, ...certificates.notes];
      return answer(call, { records, note: DNSSEC_NOTE, notes }, [
        ...zoneText(records),
        ...notes.map((note) => `; ${note}`),
      ]);
    },
  },
];

const DNSSEC_NOTE =
  "The zones of the mail domain and of the keyserver's name must be signed (DNSSEC); senders ignore the record otherwise.";

/** The domain of the command line, or every one that is served. @throws UsageError for one that is not. */
export function domainsAsked(call: Call, config: Config): readonly Domain[] {
  const [given] = call.operands;
  if (given === undefined) return config.domains;
  const domain = parseDomain(given);
  if (domain !== undefined && config.domains.includes(domain)) return [domain];
  throw new UsageError(`${given} is not in "domains" of ${config.file}; add it there first`);
}

/** The records that announce the keyserver of a domain and lead to it; all of them follow from the configuration. */
export function zoneLines(config: Config, domain: string): readonly ZoneLine[] {
  const keyserver = keyserverPlace(config);
  const directory = directoryLine(domain, keyserver);
  return [
    announcement(domain, keyserver),
    ...courtesyLines(domain, keyserver),
    ...(directory === undefined ? [] : [directory]),
  ];
}

/** The lines as a zone file has them. */
export function zoneText(records: readonly ZoneLine[]): readonly string[] {
  return [...onlyOnce(records).map(zoneFileLine), `; ${DNSSEC_NOTE}`];
}

/** Domains that share a keyserver share the lines of its name. */
function onlyOnce(records: readonly ZoneLine[]): readonly ZoneLine[] {
  return [...new Map(records.map((line) => [`${line.name} ${line.type}`, line])).values()];
}

type Made = { readonly records: readonly ZoneLine[]; readonly notes: readonly string[] };

/** The TLSA record follows from the certificate file, which may come later. */
async function tlsaRecord(
  config: Config,
): Promise<Made & { readonly certificate: X509Certificate | undefined }> {
  try {
    const certificate = new X509Certificate(await readFile(config.tls.certificateFile));
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    const digest = createHash("sha256").update(spki).digest();
    return { certificate, records: [tlsaLine(keyserverPlace(config), digest)], notes: [] };
  } catch (thrown) {
    const note = `No TLSA record: tls.certificate_file cannot be read yet (${errorText(thrown)}).`;
    return { certificate: undefined, records: [], notes: [note] };
  }
}

function zoneNote(config: Config, domains: readonly Domain[]): readonly string[] {
  const { name } = keyserverPlace(config);
  if (domains.every((domain) => name.endsWith(`.${domain}`))) return [];
  return [
    `Lines for ${name} belong into the zone of that name, the others into those of the domains.`,
  ];
}

function directoryNote(
  certificate: X509Certificate | undefined,
  domain: string,
): readonly string[] {
  const host = directoryHost(domain);
  if (certificate === undefined || certificate.checkHost(host) !== undefined) return [];
  return [
    `The TLS certificate does not name ${host} yet: without it leave that record out, or Web Key Directory clients fail.`,
  ];
}

/** A record for every certificate that senders would accept; the others are named in a note. */
async function certificateRecords(config: Config, domains: readonly Domain[]): Promise<Made> {
  await using store = await openReadOnly(config.database);
  const records: ZoneLine[] = [];
  const notes: string[] = [];
  for (const domain of domains) {
    for await (const one of certificatesForDns({ store, clock: systemClock }, domain)) {
      if (one.kind === "certificate") records.push(openpgpkeyLine(one.address, one.bytes));
      else notes.push(`No OPENPGPKEY record for ${formatAddress(one.address)}: ${whyNone(one)}.`);
    }
  }
  return { records, notes };
}

function whyNone(one: Exclude<CertificateForDns, { readonly kind: "certificate" }>): string {
  switch (one.kind) {
    case "gone":
      return "it is gone";
    case "unreadable":
      return "the certificate cannot be read";
    case "unusable":
      return `the certificate cannot be used (${one.reason})`;
    case "too-large":
      return "the certificate is too large";
  }
}
