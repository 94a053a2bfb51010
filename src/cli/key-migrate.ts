/** Keys of many users at once, from what a provider had before: a GnuPG home, or the folder of a Web Key Directory. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { openAddresses, type UsedAddress } from "../accounts/accounts.ts";
import type { Vault } from "../app/open-vault.ts";
import { errorText } from "../base/errors.ts";
import { publishOwnCertificate, importKey } from "../keys/import-key.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, parseDomain } from "../mail/address.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import { readOrdinaryFile } from "../mailbox/files/ordinary-file.ts";
import {
  type CertificateRefusal,
  importCertificate,
} from "../openpgp/certificates/import-certificate.ts";
import {
  explainRefusal,
  type ImportRefusal,
  importSecretKey,
} from "../openpgp/imports/import-secret-key.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { openWithService } from "../vault/master-key.ts";
import { requireOurs } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { openGnupgHome, type GnupgHome } from "./gnupg-home.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";

export const keyMigrateCommands: readonly Command[] = [
  {
    name: "key import-gnupg",
    operands: ["HOME"],
    summary: "secret keys of our accounts out of a GnuPG home; locked ones stay there",
    options: {},
    run: importGnupg,
  },
  {
    name: "key import-wkd",
    operands: ["FOLDER"],
    summary: "certificates of users who keep their keys, out of a Web Key Directory's `hu` folder",
    options: { domain: { value: "D", help: "whose directory it is" } },
    run: importDirectory,
  },
];

/** Maximum size of a certificate in a directory. */
const MAX_KEY_OCTETS = 1024 * 1024;

/** What became of one address: one word of this list, in JSON as it is. Words are added, never renamed. */
type Result =
  | "imported"
  /** Nothing is there for it. */
  | "absent"
  /** There is a key here already. */
  | "key-exists"
  | Refused;

/** There was a key, and it was not taken. */
type Refused =
  | ImportRefusal
  | CertificateRefusal
  | "locked"
  | "no-key-here"
  | "password-needed"
  | "unreadable"
  | "failed";

type Line = {
  readonly address: string;
  readonly result: Result;
  readonly fingerprint: string | null;
  /** For people. */
  readonly explanation: string | null;
};

const EXPLANATIONS: Partial<Readonly<Record<Result, () => string>>> = {
  imported: () => text("migration.imported"),
  absent: () => text("migration.absent"),
  "key-exists": () => text("migration.hint.key-exists", { what: text("migration.key-exists") }),
  locked: () => text("migration.hint.locked", { what: text("migration.locked") }),
  "no-key-here": () => text("migration.hint.no-key-here", { what: text("migration.no-key-here") }),
  "password-needed": () =>
    text("migration.hint.password-needed", { what: text("migration.password-needed") }),
  unreadable: () => text("migration.unreadable"),
};

const FINE: ReadonlySet<Result> = new Set(["imported", "absent", "key-exists"]);

function line(
  { address }: UsedAddress,
  result: Result,
  { fingerprint, explanation }: { fingerprint?: string; explanation?: string } = {},
): Line {
  return {
    address: formatAddress(address),
    result,
    fingerprint: fingerprint ?? null,
    explanation: explanation ?? EXPLANATIONS[result]?.() ?? null,
  };
}

function refusedLine(target: UsedAddress, reason: ImportRefusal | CertificateRefusal): Line {
  return line(target, reason, { explanation: explainRefusal(reason) });
}

/** Exit code 1 when a key was there and was not taken. */
function report(call: Call, lines: readonly Line[]): ExitCode {
  const rows = lines.map((one) => [
    one.address,
    one.explanation ?? one.result,
    one.fingerprint ?? "",
  ]);
  const imported = lines.filter(({ result }) => result === "imported").length;
  const refused = lines.filter(({ result }) => !FINE.has(result)).length;
  answer(call, { imported, refused, accounts: lines }, [
    ...table(rows),
    text("key.migrated", { imported, all: lines.length, refused }),
  ]);
  return refused === 0 ? 0 : 1;
}

async function importGnupg(call: Call): Promise<ExitCode> {
  const [name = ""] = call.operands;
  await requireFolder(name);
  await using vault = await openFor(call);
  await using home = await openGnupgHome(name);
  const lines: Line[] = [];
  for await (const target of openAddresses(vault.store)) {
    lines.push(await attempt(target, async () => fromGnupg(vault, home, target)));
  }
  return report(call, lines);
}

/** A mistyped folder is not one without keys. */
async function requireFolder(name: string): Promise<void> {
  await readdir(name).catch((cause: unknown) => {
    throw new UsageError(`${name} cannot be read: ${errorText(cause)}`);
  });
}

/** One address's trouble is its own. */
async function attempt(target: UsedAddress, work: () => Promise<Line>): Promise<Line> {
  try {
    return await work();
  } catch (error) {
    return line(target, "failed", { explanation: errorText(error).split("\n", 1)[0] ?? "failed" });
  }
}

async function fromGnupg(vault: Vault, home: GnupgHome, target: UsedAddress): Promise<Line> {
  const { owner, address } = target;
  const exported = await home.exportSecretKeys(`<${formatAddress(address)}>`);
  if (exported.kind !== "exported") return line(target, exported.kind);
  const { bytes } = exported;
  using masterKey = await openWithService(vault, owner);
  if (masterKey === undefined) {
    return line(
      target,
      (await hasKeysHere(vault.store, owner)) ? "password-needed" : "no-key-here",
    );
  }
  const now = vault.clock.now();
  const imported = await importSecretKey({ bytes, passphrase: undefined, address, now });
  if (imported.kind === "refused") return refusedLine(target, imported.reason);
  const done = await importKey(vault, masterKey, address, imported);
  if (done.kind !== "imported") throw refused(done, address);
  return line(target, "imported", { fingerprint: imported.certificate.fingerprint });
}

async function importDirectory(call: Call): Promise<ExitCode> {
  const [folder = ""] = call.operands;
  const domain = parseDomain(call.option("domain") ?? "");
  if (domain === undefined) throw new UsageError("whose directory is it? Say --domain D");
  await requireFolder(folder);
  await using vault = await openFor(call);
  requireOurs(vault, domain);
  const lines: Line[] = [];
  for await (const target of openAddresses(vault.store)) {
    if (target.address.domain !== domain) continue;
    lines.push(await attempt(target, async () => fromDirectory(vault, folder, target)));
  }
  return report(call, lines);
}

/** The domain's own directory vouched for these keys before; no proof is asked of their owners. */
async function fromDirectory(vault: Vault, folder: string, target: UsedAddress): Promise<Line> {
  const { owner, address } = target;
  const file = await readOrdinaryFile(join(folder, wkdHash(address.local)), MAX_KEY_OCTETS);
  if (file.kind === "too-large") return refusedLine(target, file.kind);
  if (file.kind !== "read") return line(target, file.kind);
  if (await hasKeysHere(vault.store, owner)) return line(target, "key-exists");
  const { bytes } = file;
  const imported = await importCertificate({ bytes, address, now: vault.clock.now() });
  if (imported.kind === "refused") return refusedLine(target, imported.reason);
  const { certificate } = imported;
  const brought = {
    owner,
    address,
    certificate,
    revocation: undefined,
    masterKey: undefined,
  };
  const done = await publishOwnCertificate(vault, brought);
  if (done.kind !== "imported") throw refused(done, address);
  return line(target, "imported", { fingerprint: certificate.fingerprint });
}
