/** Keys of many users at once, from what a provider had before: a GnuPG home, or the folder of a Web Key Directory. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Parts } from "../app/parts.ts";
import { listAccounts } from "../accounts/embedded.ts";
import { errorText } from "../base/errors.ts";
import { bringCertificate, bringSecretKey } from "../keys/bring.ts";
import { openWithService } from "../keys/master-key.ts";
import { formatAddress, parseDomain, type EmailAddress } from "../mail/address.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import { importCertificate } from "../openpgp/import-certificate.ts";
import { explainRefusal, importSecretKey } from "../openpgp/import-secret-key.ts";
import { listAliases } from "../store/aliases.ts";
import { findMasterKey } from "../store/vault.ts";
import { requireOurs } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { openGnupgHome, type GnupgHome } from "./gnupg-home.ts";
import { openFor } from "./open.ts";

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

/** An address that may have a key, and whose it is. */
type Target = { readonly owner: EmailAddress; readonly address: EmailAddress };

/** What became of one address. */
type Line = {
  readonly address: string;
  readonly result: string;
  readonly fingerprint: string | null;
};

function line({ address }: Target, result: string, fingerprint: string | null = null): Line {
  return { address: formatAddress(address), result, fingerprint };
}

function report(call: Call, lines: readonly Line[]): ExitCode {
  const rows = lines.map((one) => [one.address, one.result, one.fingerprint ?? ""]);
  const imported = lines.filter(({ result }) => result === "imported").length;
  return answer(call, { imported, accounts: lines }, [
    ...table(rows),
    `${imported} imported of ${lines.length} addresses`,
  ]);
}

async function importGnupg(call: Call): Promise<ExitCode> {
  const [name = ""] = call.operands;
  await requireFolder(name);
  await using parts = await openFor(call);
  await using home = await openGnupgHome(name);
  const lines: Line[] = [];
  for (const target of await targets(parts)) {
    lines.push(await attempt(target, async () => fromGnupg(parts, home, target)));
  }
  return report(call, lines);
}

/** A mistyped folder is not one without keys. */
async function requireFolder(name: string): Promise<void> {
  await readdir(name).catch((cause: unknown) => {
    throw new UsageError(`${name} cannot be read: ${errorText(cause)}`);
  });
}

/** The addresses of all open accounts, aliases behind the name. */
async function targets(parts: Parts): Promise<readonly Target[]> {
  const accounts = (await listAccounts(parts.store)).filter(
    ({ closedAt }) => closedAt === undefined,
  );
  const all: Target[] = [];
  for (const { address: owner } of accounts) {
    const aliases = await listAliases(parts.store, owner);
    all.push(
      ...[owner, ...aliases.map(({ address }) => address)].map((address) => ({ owner, address })),
    );
  }
  return all;
}

/** One address's trouble is its own. */
async function attempt(target: Target, work: () => Promise<Line>): Promise<Line> {
  try {
    return await work();
  } catch (error) {
    return line(target, errorText(error).split("\n", 1)[0] ?? "failed");
  }
}

async function fromGnupg(parts: Parts, home: GnupgHome, target: Target): Promise<Line> {
  const { owner, address } = target;
  const bytes = await home.exportSecretKeys(`<${formatAddress(address)}>`);
  if (bytes.length === 0) return line(target, "no secret key in the GnuPG home, or a locked one");
  using masterKey = await openWithService(parts, owner);
  if (masterKey === undefined) {
    return line(
      target,
      (await findMasterKey(parts.store, owner)) === undefined
        ? "has no key here yet: first sealpost account enrol"
        : "its keys open with the password only: sealpost key import",
    );
  }
  const now = parts.clock.now();
  const imported = await importSecretKey({ bytes, passphrase: undefined, address, now });
  if (imported.kind === "refused") return line(target, explainRefusal(imported.reason));
  await bringSecretKey(parts, masterKey, address, imported);
  return line(target, "imported", imported.certificate.fingerprint);
}

async function importDirectory(call: Call): Promise<ExitCode> {
  const [folder = ""] = call.operands;
  const domain = parseDomain(call.option("domain") ?? "");
  if (domain === undefined) throw new UsageError("whose directory is it? Say --domain D");
  await requireFolder(folder);
  await using parts = await openFor(call);
  requireOurs(parts, domain);
  const lines: Line[] = [];
  for (const target of await targets(parts)) {
    if (target.address.domain !== domain) continue;
    lines.push(await attempt(target, async () => fromDirectory(parts, folder, target)));
  }
  return report(call, lines);
}

/** The domain's own directory vouched for these keys before; no proof is asked of their owners. */
async function fromDirectory(parts: Parts, folder: string, target: Target): Promise<Line> {
  const { owner, address } = target;
  const bytes = await readFile(join(folder, wkdHash(address.local))).catch(() => undefined);
  if (bytes === undefined) return line(target, "not in the directory");
  if ((await findMasterKey(parts.store, owner)) !== undefined) {
    return line(target, "has a key here; to replace it: sealpost key import --public");
  }
  const imported = await importCertificate({ bytes, address, now: parts.clock.now() });
  if (imported.kind === "refused") return line(target, explainRefusal(imported.reason));
  const { certificate } = imported;
  const brought = {
    owner,
    address,
    certificate,
    revocation: undefined,
    masterKey: undefined,
  };
  await bringCertificate(parts, brought);
  return line(target, "imported", certificate.fingerprint);
}
