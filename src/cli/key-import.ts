/** Keys in and out: `key import` and `key export`. */
import type { Vault } from "../app/open-vault.ts";
import type { Secret } from "../base/secret.ts";
import { exportCertificate, exportSecretKey } from "../keys/export-keys.ts";
import { publishOwnCertificate, importKey, type Imported } from "../keys/import-key.ts";
import { challengeFor, isProven } from "../keys/possession.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { importCertificate } from "../openpgp/certificates/import-certificate.ts";
import { explainRefusal, importSecretKey } from "../openpgp/imports/import-secret-key.ts";
import { parseFingerprint, type Fingerprint } from "../openpgp/packets/fingerprint.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { Account } from "../words/account.ts";
import { addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { fileGiven, fileNamed, keyOwner } from "./key.ts";
import { closedKeys, masterKeyBy, masterKeyIfOpen } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { withoutDecoration } from "./pasted.ts";
import { refused } from "./refusals.ts";
import { readSecrets } from "./secret-input.ts";

export const keyImportCommands: readonly Command[] = [
  {
    name: "key import",
    operands: ["ADDRESS", "FILE"],
    summary:
      "the user's own key in place of the active one: a secret key, or with --public a certificate",
    options: {
      "password-stdin": { help: "the account's password is on stdin" },
      "passphrase-stdin": {
        help: "the key's passphrase is on stdin, after the password if both are",
      },
      public: {
        help: "the secret key stays with the user; without --proof prints what he has to sign",
      },
      proof: { value: "FILE", help: "the user's detached signature of the decrypted text" },
      revocation: {
        value: "FILE",
        help: "with --public: a revocation that the user made, to be kept",
      },
    },
    run: bring,
  },
  {
    name: "key export",
    operands: ["ADDRESS"],
    summary: "the certificate; with --secret the secret key, locked with a passphrase",
    options: {
      secret: { help: "stdin: the account's password, and a passphrase for the export" },
      fingerprint: { value: "F", help: "another key of the address than the active one" },
    },
    run: exportKey,
  },
];

/** With `--json` the reason is the word `result` of the answer, too. */
function refuse(
  call: Call,
  address: EmailAddress,
  reason: Parameters<typeof explainRefusal>[0],
): Error {
  if (call.isJson) {
    const explanation = explainRefusal(reason);
    answer(
      call,
      { address: formatAddress(address), result: reason, fingerprint: null, explanation },
      [],
    );
  }
  return refused({ kind: "import-refused", reason }, address);
}

async function bring(call: Call): Promise<ExitCode> {
  const given = addressGiven(call);
  if (call.operands[1] === "-") throw new UsageError("stdin is for secrets: name a file");
  const bytes = await fileGiven(call, 1);
  const secrets = await secretsGiven(call);
  await using vault = await openFor(call);
  const { account, address } = await keyOwner(vault, given);
  using masterKey = await masterKeyIfOpen(vault, account, secrets.password);
  if (call.has("public"))
    return await importPublic(call, vault, { account, address, bytes, masterKey });
  if (masterKey === undefined) throw await closedKeys(vault, account);
  const { passphrase } = secrets;
  const imported = await importSecretKey({ bytes, passphrase, address, now: vault.clock.now() });
  if (imported.kind === "refused") throw refuse(call, address, imported.reason);
  const done = await importKey(vault, masterKey, address, imported);
  if (done.kind !== "imported") throw refused(done, address);
  return answerImport(call, address, imported.certificate.fingerprint, done);
}

/** What is to be done about a key that ended without a revocation is said when the command ends (`open.ts`). */
function answerImport(
  call: Call,
  address: EmailAddress,
  fingerprint: string,
  { ended }: Imported,
): ExitCode {
  const named = formatAddress(address);
  const isRevoked = ended !== undefined && ended.by !== "none";
  return answer(call, { address: named, result: "imported", fingerprint, explanation: null }, [
    text(isRevoked ? "key.imported.revoked" : "key.imported", { address: named, fingerprint }),
  ]);
}

async function secretsGiven(
  call: Call,
): Promise<{ readonly password: Secret | undefined; readonly passphrase: Secret | undefined }> {
  const names = [
    ...(call.has("password-stdin") ? ["the account's password"] : []),
    ...(call.has("passphrase-stdin") ? ["the key's passphrase"] : []),
  ];
  const secrets = names.length === 0 ? [] : await readSecrets(call, names);
  return {
    password: call.has("password-stdin") ? secrets[0] : undefined,
    passphrase: call.has("passphrase-stdin") ? secrets.at(-1) : undefined,
  };
}

type ImportWish = {
  readonly account: Account;
  readonly address: EmailAddress;
  readonly bytes: Uint8Array;
  readonly masterKey: MasterKey | undefined;
};

async function importPublic(call: Call, vault: Vault, o: ImportWish): Promise<ExitCode> {
  const { account, address, bytes, masterKey } = o;
  const now = vault.clock.now();
  const imported = await importCertificate({ bytes, address, now });
  if (imported.kind === "refused") throw refuse(call, address, imported.reason);
  const { certificate } = imported;
  const claim = { address, certificate };
  const proofFile = call.option("proof");
  if (proofFile === undefined) return askForProof(call, await challengeFor(vault, claim));
  if (!(await isProven(vault, claim, await fileNamed(proofFile)))) {
    throw refused({ kind: "not-proven" }, address);
  }
  const file = call.option("revocation");
  const revocation = file === undefined ? undefined : await fileNamed(file);
  const owner = account.id;
  const given = { owner, address, certificate, revocation, masterKey };
  const done = await publishOwnCertificate(vault, given);
  if (done.kind !== "imported") throw refused(done, address);
  return answerImport(call, address, certificate.fingerprint, done);
}

function askForProof(call: Call, challenge: string): ExitCode {
  return answer(call, { challenge }, [
    text("key.challenge"),
    "",
    ...challenge.trimEnd().split("\r\n"),
    "",
    "  gpg --decrypt challenge.asc > text.txt && gpg --armor --detach-sign text.txt",
    "",
    text("key.challenge.answer"),
  ]);
}

async function exportKey(call: Call): Promise<ExitCode> {
  const given = addressGiven(call);
  const wanted = fingerprintGiven(call);
  const names = ["the account's password", "a passphrase for the export"];
  const [password, passphrase] = call.has("secret") ? await readSecrets(call, names) : [];
  await using vault = await openFor(call);
  const { account, address } = await keyOwner(vault, given);
  const shown = await exportCertificate(vault.store, address, wanted);
  if (shown === undefined) throw refused({ kind: "no-such-key" }, address);
  const { fingerprint } = shown;
  const bytes =
    password === undefined || passphrase === undefined
      ? shown.armor
      : await secretExport(vault, account, { fingerprint, password, passphrase });
  const armor = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return answer(call, { address: formatAddress(address), fingerprint, armor }, [armor.trimEnd()]);
}

/** As `key list` or GnuPG prints it, in groups or not. @throws UsageError when it is none. */
function fingerprintGiven(call: Call): Fingerprint | undefined {
  const given = call.option("fingerprint");
  if (given === undefined) return undefined;
  const fingerprint = parseFingerprint(withoutDecoration(given).replaceAll(/[\s:]/g, ""));
  if (fingerprint !== undefined) return fingerprint;
  throw new UsageError(
    `--fingerprint ${JSON.stringify(given)} is not a fingerprint: it has 40 or 64 hexadecimal digits, and "sealpost key list ADDRESS" prints it`,
  );
}

async function secretExport(
  vault: Vault,
  account: Account,
  o: { readonly fingerprint: Fingerprint; readonly password: Secret; readonly passphrase: Secret },
): Promise<Uint8Array> {
  using masterKey = await masterKeyBy(vault, account, o.password);
  const exported = await exportSecretKey(vault, masterKey, o);
  if (exported === undefined) throw refused({ kind: "secret-key-not-here" }, account.address);
  return exported;
}
