/**
 * The lab's own DNS tree on real keys: a signed root and `test.`, signed providers, and one zone for each way in which
 * DNS goes wrong. `dns.ts` serves it. Signatures last a month; every start makes new keys.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type KeyedZone, makeKey, writeZone } from "./sign-zone.ts";
import { type LabZone, NAME_SERVER, type Signing } from "./zone.ts";

/** A signed domain with a keyserver `keys.<domain>`, a mail host `mail.<domain>` and an MX for it. */
export type LabProvider = {
  readonly domain: string;
  /** Where all its hosts live: 127.0.0.x. */
  readonly address: string;
  readonly keyserverPort: number;
  /** Implicit TLS; announced as `_submissions._tcp` when given. */
  readonly submissionPort?: number;
  /** More lines for its zone file; names without final dot are relative to the domain. */
  readonly records?: readonly string[];
};

export type ZoneOptions = {
  readonly dir: string;
  readonly providers: readonly LabProvider[];
  /** Where legacy.test takes mail; 127.0.0.4 by default. */
  readonly legacyAddress?: string;
  /** Zones beside the standard ones; one of the same name replaces it. */
  readonly extra?: readonly LabZone[];
};

/** What `startDns` serves: each zone with its file, and the resolver's trust anchor. */
export type LabZones = {
  readonly dir: string;
  readonly files: readonly { readonly zone: string; readonly file: string }[];
  readonly trustAnchorFile: string;
  /** Writes a zone again in the same place, correctly signed with the key that it had; `records` replace its own. */
  readonly mend: (zone: string, records?: readonly string[]) => Promise<void>;
};

/** Makes keys, writes and signs all zones under `dir`. Needs Debian's ldnsutils. */
export async function buildZones(options: ZoneOptions): Promise<LabZones> {
  await mkdir(options.dir, { recursive: true });
  const zones = allZones(options);
  const keyed: readonly KeyedZone[] = await Promise.all(
    zones.map(async (zone) => ({
      ...zone,
      key: zone.signing === "unsigned" ? undefined : await makeKey(options.dir, zone.name),
    })),
  );
  const delegations = (parent: string) =>
    keyed
      .filter((zone) => zone.name !== "." && parentOf(zone) === parent)
      .flatMap((zone) => [`${zone.name}. IN NS ${NAME_SERVER}`, ...(zone.key?.ds ?? [])]);
  const write = async (zone: KeyedZone): Promise<string> =>
    writeZone(options.dir, zone, [...zone.records, ...delegations(zone.name)]);
  const files = await Promise.all(
    keyed.map(async (zone) => ({ zone: zone.name, file: await write(zone) })),
  );
  const root = keyed.find((zone) => zone.name === ".");
  const trustAnchorFile = join(options.dir, "root.ds");
  await writeFile(trustAnchorFile, `${root?.key?.ds.join("\n")}\n`);
  const mend: LabZones["mend"] = async (name, records) => {
    const zone = keyed.find((one) => one.name === name);
    if (zone?.key === undefined) throw new Error(`no zone ${name} that can be signed`);
    await write({ ...zone, records: records ?? zone.records, signing: "signed" });
  };
  return { dir: options.dir, files, trustAnchorFile, mend };
}

const PRIVATE_KEYSERVER_PORT = 443;

function allZones(options: ZoneOptions): readonly LabZone[] {
  const byName = new Map(
    [
      { name: ".", signing: "signed", records: [] } as const,
      { name: "test", signing: "signed", records: ["ns IN A 127.0.0.1"] } as const,
      ...brokenZones(options.legacyAddress ?? "127.0.0.4"),
      ...misconfiguredZones(options.providers[0]),
      ...options.providers.map(providerZone),
      ...(options.extra ?? []),
    ].map((zone): [string, LabZone] => [zone.name, zone]),
  );
  return [...byName.values()];
}

function brokenZones(legacyAddress: string): readonly LabZone[] {
  const broken = (name: string, signing: Signing, address: string): LabZone => ({
    ...providerZone({ domain: name, address, keyserverPort: PRIVATE_KEYSERVER_PORT }),
    signing,
  });
  return [
    broken("legacy.test", "unsigned", legacyAddress),
    broken("bogus.test", "tampered", "127.0.0.5"),
    broken("expired.test", "expired", "127.0.0.6"),
    broken("stripped.test", "stripped", "127.0.0.7"),
    broken("badds.test", "other-key", "127.0.0.8"),
    broken("nsec3.test", "nsec3", "127.0.0.9"),
    {
      name: "nosrv.test",
      signing: "signed",
      records: ["@ IN MX 10 mail", "mail IN A 127.0.0.10", "_hkp._tcp IN SRV 0 0 0 ."],
    },
  ];
}

/** Signed and proven, and still no way to a keyserver; `othername.test` leads to that of a provider, which does not know it. */
function misconfiguredZones(provider: LabProvider | undefined): readonly LabZone[] {
  const { address = "127.0.0.2", keyserverPort = PRIVATE_KEYSERVER_PORT } = provider ?? {};
  const at = (domain: string) => providerZone({ domain, address, keyserverPort });
  return [
    { ...at("ending.test"), signing: "ending" },
    at("othername.test"),
    {
      name: "noaddress.test",
      signing: "signed",
      records: [`_hkp._tcp IN SRV 0 0 ${keyserverPort} keys`],
    },
    {
      name: "alias.test",
      signing: "signed",
      records: [`_hkp._tcp IN SRV 0 0 ${keyserverPort} keys`, "keys IN CNAME mail.legacy.test."],
    },
  ];
}

/** What an operator is asked to publish (`sealpost dns records`), with the lab's addresses. */
function providerZone(provider: LabProvider): LabZone {
  const { address, keyserverPort: port, submissionPort } = provider;
  return {
    name: provider.domain,
    signing: "signed",
    records: [
      "@ IN MX 10 mail",
      '@ IN TXT "v=spf1 mx -all"',
      `mail IN A ${address}`,
      `keys IN A ${address}`,
      `openpgpkey IN A ${address}`,
      `_hkp._tcp IN SRV 0 0 ${port} keys`,
      // Courtesy names, for software that asks there; Sealpost does not.
      `_hkps._tcp IN SRV 0 0 ${port} keys`,
      `_pgpkey-https._tcp.keys IN SRV 0 0 ${port} keys`,
      ...(submissionPort === undefined
        ? []
        : [`_submissions._tcp IN SRV 0 0 ${submissionPort} mail`]),
      ...(provider.records ?? []),
    ],
  };
}

function parentOf(zone: LabZone): string {
  return zone.parent ?? (zone.name.includes(".") ? "test" : ".");
}
