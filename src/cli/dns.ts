import { type Config, loadConfig } from "../config/load.ts";
import { parseDomain } from "../mail/address.ts";
import { answer, type Call, type Command, UsageError } from "./command.ts";

/** A line of a zone file, with why it stands there. */
export type ZoneLine = {
  readonly name: string;
  readonly ttl: number;
  readonly type: "SRV";
  readonly data: string;
  readonly why: string;
};

const TTL_SECONDS = 3600;

/** `dns records DOMAIN`. */
export const dnsCommands: readonly Command[] = [
  {
    name: "dns records",
    operands: ["[DOMAIN]"],
    summary: "the lines for the zone of a domain (default: of every domain served)",
    options: {},
    run: async (call) => {
      const config = await loadConfig(call.configFile);
      const records = domainsAsked(call, config).flatMap((domain) => zoneLines(config, domain));
      return answer(call, { records, note: DNSSEC_NOTE }, zoneText(records));
    },
  },
];

const DNSSEC_NOTE =
  "The zones of the mail domain and of the keyserver's name must be signed (DNSSEC); senders ignore the record otherwise.";

function domainsAsked(call: Call, config: Config): readonly string[] {
  const [given] = call.operands;
  if (given === undefined) return config.domains;
  const domain = parseDomain(given);
  if (domain !== undefined && config.domains.includes(domain)) return [domain];
  throw new UsageError(`${given} is not in "domains" of ${config.file}; add it there first`);
}

/**
 * The records that announce the keyserver: the one that senders ask (RFC 2782; service `_hkp`, always HTTPS), and two
 * courtesy names that other programs ask.
 */
export function zoneLines(config: Config, domain: string): readonly ZoneLine[] {
  const name = config.listen.keyserver?.name ?? config.hostname;
  const data = `10 100 ${config.listen.keyserver?.port ?? 443} ${name}.`;
  const line = (owner: string, why: string): ZoneLine => ({
    name: owner,
    ttl: TTL_SECONDS,
    type: "SRV",
    data,
    why,
  });
  return [
    line(`_hkp._tcp.${domain}.`, "senders ask this"),
    line(`_hkps._tcp.${domain}.`, "courtesy: some programs ask this"),
    line(
      `_pgpkey-https._tcp.${name}.`,
      "courtesy: GnuPG asks this when the keyserver is configured by name",
    ),
  ];
}

/** The lines as a zone file has them. */
export function zoneText(records: readonly ZoneLine[]): readonly string[] {
  const seen = new Map(records.map((line) => [line.name, line]));
  return [
    ...[...seen.values()].map(
      ({ name, ttl, type, data, why }) => `${name} ${ttl} IN ${type} ${data} ; ${why}`,
    ),
    `; ${DNSSEC_NOTE}`,
  ];
}
