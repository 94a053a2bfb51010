/** Writes and signs a zone of the lab, well or in one of the ways in which signing goes wrong. Needs Debian's ldnsutils. */
import { execFile } from "node:child_process";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DAY, after, systemClock, toUnixSeconds } from "../src/base/time.ts";
import { type LabZone, NAME_SERVER, type Signing } from "./zone.ts";

const run = promisify(execFile);
const TTL_SECONDS = 60;

export type ZoneKey = { readonly base: string; readonly ds: readonly string[] };

/** A zone with its key; one that is not signed has none. */
export type KeyedZone = LabZone & { readonly key: ZoneKey | undefined };

/** One key for both jobs (CSK), ECDSA P-256 (RFC 6605). */
export async function makeKey(dir: string, zone: string): Promise<ZoneKey> {
  const args = ["-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", zone];
  const { stdout } = await run("ldns-keygen", args, { cwd: dir });
  const base = join(dir, stdout.trim());
  const ds = await readFile(`${base}.ds`, "utf8");
  return { base, ds: ds.trim().split("\n") };
}

/** @returns the path of the file that is served: signed, unless the zone has no key. */
export async function writeZone(
  dir: string,
  zone: KeyedZone,
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
