/**
 * The lab's own DNS tree on real keys: a signed root and `test.`, signed providers, and one zone for each way in which
 * DNS goes wrong. `dns.ts` serves it. Signatures last a month; every start makes new keys.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DAY, after, systemClock, toUnixSeconds } from "../src/base/time.ts";

const run = promisify(execFile);

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

/**
 * How a zone comes out. `tampered`: data changed after signing. `expired`: signatures of 2024. `ending`: good ones that
 * end in two days. `stripped`: a DS in the parent, no signatures. `other-key`: signed by a key that the DS in the parent does not name. `unsigned`: no DS.
 */
export type Signing =
  | "signed"
  | "nsec3"
  | "nsec3-opt-out"
  | "unsigned"
  | "tampered"
  | "expired"
  | "ending"
  | "stripped"
  | "other-key";

/** A zone below `test.`, or, with `parent`, below another signed zone. */
export type LabZone = {
  readonly name: string;
  readonly signing: Signing;
  readonly records: readonly string[];
  readonly parent?: string;
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
};

/** Makes keys, writes and signs all zones under `dir`. Needs Debian's ldnsutils. */
export async function buildZones(options: ZoneOptions): Promise<LabZones> {
  await mkdir(options.dir, { recursive: true });
  const zones = allZones(options);
  const keyed = await Promise.all(
    zones.map(async (zone) => ({
      ...zone,
      key: zone.signing === "unsigned" ? undefined : await makeKey(options.dir, zone.name),
    })),
  );
  const delegations = (parent: string) =>
    keyed
      .filter((zone) => zone.name !== "." && parentOf(zone) === parent)
      .flatMap((zone) => [`${zone.name}. IN NS ${NAME_SERVER}`, ...(zone.key?.ds ?? [])]);
  const files = await Promise.all(
    keyed.map(async (zone) => ({
      zone: zone.name,
      file: await writeZone(options.dir, zone, [...zone.records, ...delegations(zone.name)]),
    })),
  );
  const root = keyed.find((zone) => zone.name === ".");
  const trustAnchorFile = join(options.dir, "root.ds");
  await writeFile(trustAnchorFile, `${root?.key?.ds.join("\n")}\n`);
  return { dir: options.dir, files, trustAnchorFile };
}

const NAME_SERVER = "ns.test.";
const TTL_SECONDS = 60;
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

type ZoneKey = { readonly base: string; readonly ds: readonly string[] };

/** One key for both jobs (CSK), ECDSA P-256 (RFC 6605). */
async function makeKey(dir: string, zone: string): Promise<ZoneKey> {
  const args = ["-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", zone];
  const { stdout } = await run("ldns-keygen", args, { cwd: dir });
  const base = join(dir, stdout.trim());
  const ds = await readFile(`${base}.ds`, "utf8");
  return { base, ds: ds.trim().split("\n") };
}

async function writeZone(
  dir: string,
  zone: LabZone & { readonly key: ZoneKey | undefined },
  records: readonly string[],
): Promise<string> {
  const plain = join(dir, `${zone.name === "." ? "root" : zone.name}.zone`);
  const origin = zone.name === "." ? "." : `${zone.name}.`;
  const head = [
    `$ORIGIN ${origin}`,
    `$TTL ${TTL_SECONDS}`,
    `@ IN SOA ${NAME_SERVER} hostmaster.test. ${toUnixSeconds(systemClock.now())} 3600 600 86400 60`,
    `@ IN NS ${NAME_SERVER}`,
  ];
  await writeFile(plain, `${[...head, ...records].join("\n")}\n`);
  if (zone.key === undefined) return plain;
  const out = `${plain}.signed`;
  if (zone.signing === "stripped") {
    await copyFile(plain, out);
    return out;
  }
  const key = zone.signing === "other-key" ? await makeKey(dir, zone.name) : zone.key;
  await run("ldns-signzone", [
    "-o",
    origin,
    ...signingArgs(zone.signing),
    "-f",
    out,
    plain,
    key.base,
  ]);
  if (zone.signing === "tampered") await tamper(out);
  return out;
}

const DENIAL: Partial<Record<Signing, readonly string[]>> = {
  nsec3: ["-n", "-t", "0"],
  "nsec3-opt-out": ["-n", "-p", "-t", "0"],
};

function signingArgs(signing: Signing): readonly string[] {
  const now = systemClock.now();
  const isExpired = signing === "expired";
  const days = signing === "ending" ? 2 : 30;
  const from = isExpired ? "20240101000000" : dnsTime(after(now, -DAY));
  const until = isExpired ? "20240201000000" : dnsTime(after(now, days * DAY));
  return ["-i", from, "-e", until, ...(DENIAL[signing] ?? [])];
}

function dnsTime(date: Date): string {
  return date.toISOString().replaceAll(/[-:T]|\.\d+Z/g, "");
}

/** Changes the SOA, every SRV port, address and MX preference of a signed zone, and leaves the signatures. */
async function tamper(file: string): Promise<void> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const changed = lines.map((line) =>
    /\t(?:RRSIG|NSEC|NSEC3)\t/.test(line)
      ? line
      : line
          .replace(/(\tSRV\t\d+ \d+ )\d+/, "$166")
          .replace(/(\tA\t127\.0\.0\.)\d+/, "$199")
          .replace(/(\tMX\t)\d+/, "$111")
          .replace(/(\tSOA\t.*) 3600 /, "$1 3601 "),
  );
  await writeFile(file, changed.join("\n"));
}
