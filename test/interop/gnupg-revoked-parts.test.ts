/** A GnuPG user revokes parts of a key; other users of GnuPG learn it from our keyserver. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { makePki } from "../../lab/pki.ts";
import type { RunOptions } from "../../lab/run.ts";
import { systemClock } from "../../src/base/time.ts";
import { publishOwnCertificate } from "../../src/keys/import-key.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import { addressOf } from "../support/address.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { publishRevocation, type UploadedRevocation } from "../../src/keys/revoke.ts";
import type { VaultDeps } from "../../src/vault/vault-deps.ts";
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import { ask, startTestKeyserver, type TestKeyserver } from "../support/test-keyserver.ts";
import { testTagKeys } from "../support/tag-keys.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { came } from "../support/outcome.ts";

const NAME = "keys.alpha.test";

let dir: string;
let pki: Awaited<ReturnType<typeof makePki>>;
let server: TestKeyserver;
let owner: Gnupg;
let deps: VaultDeps;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-parts-"));
  pki = await makePki(dir);
  server = await startTestKeyserver(await pki.issue([NAME]));
  owner = await openGnupg({ home: join(dir, "o") });
  const { store } = server;
  store.tagKeys = testTagKeys();
  const serviceKeys = fixedServiceKeys(newServiceRoot());
  deps = { store, clock: systemClock, serviceKeys };
});
after(async () => {
  await owner[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** @throws Error when it fails */
async function gpg(
  home: Gnupg,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const given = ["--trust-model", "always", "--passphrase", "", ...args];
  const { code, stdout, stderr } = await home.gpg(given, options);
  if (code !== 0) throw new Error(`gpg ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const listed = async (home: Gnupg): Promise<string> =>
  (await gpg(home, ["--with-colons", "--list-keys"])).toString();

/** A key with an encryption and a signing subkey, made by GnuPG and published by us. */
async function published(text: string): Promise<string> {
  await gpg(owner, ["--quick-generate-key", text, "ed25519", "cert,sign", "1y"]);
  const [fingerprint] = /(?<=^fpr:+)[0-9A-F]+/m.exec(
    (await gpg(owner, ["--with-colons", "--list-keys", text])).toString(),
  ) ?? [""];
  await gpg(owner, ["--quick-add-key", fingerprint, "cv25519", "encr", "1y"]);
  await gpg(owner, ["--quick-add-key", fingerprint, "ed25519", "sign", "1y"]);
  const address = addressOf(text);
  await enrol(deps, { address, custody: "user-device-only", profile: "compat" });
  const bytes = await gpg(owner, ["--export", fingerprint]);
  const imported = await importCertificate({ bytes, address, now: systemClock.now() });
  assert(imported.kind === "importable", JSON.stringify(imported));
  const { certificate } = imported;
  const rest = { revocation: undefined, masterKey: undefined };
  await came(
    publishOwnCertificate(deps, { owner: idOf(address), address, certificate, ...rest }),
    "imported",
  );
  return fingerprint;
}

/** What GnuPG shows to somebody who fetched the certificate, before and after a refresh that follows its revocation. */
async function refreshedAfter(
  fingerprint: string,
  revoke: () => Promise<void>,
): Promise<{ readonly before: string; readonly after: string }> {
  const at = ["--keyserver", `hkps://${NAME}:${String(server.port)}`];
  const home = join(dir, fingerprint.slice(0, 4));
  await using reader = await openGnupg({
    home,
    caFile: pki.caFile,
    hosts: { [NAME]: "127.0.0.2" },
  });
  await gpg(reader, [...at, "--recv-keys", fingerprint]);
  const seen = await listed(reader);
  await revoke();
  await gpg(reader, [...at, "--refresh-keys"]);
  return { before: seen, after: await listed(reader) };
}

/** Revokes with GnuPG's own editor, and hands in what GnuPG exports then. */
async function revokeAndUpload(
  text: string,
  fingerprint: string,
  commands: readonly string[],
): Promise<UploadedRevocation> {
  const input = `${[...commands, "save"].join("\n")}\n`;
  const editing = ["--no-batch", "--command-fd", "0", "--status-fd", "2"];
  await gpg(owner, [...editing, "--edit-key", fingerprint], { input });
  const upload = await gpg(owner, ["--armor", "--export", fingerprint]);
  return publishRevocation(deps, idOf(addressOf(text)), upload);
}

test("GnuPG learns from us that an encryption subkey is revoked", async () => {
  const text = "ada@alpha.test";
  const fingerprint = await published(text);
  const seen = await refreshedAfter(fingerprint, async () => {
    // Yes; 1: compromised; no description; yes.
    const commands = ["key 1", "revkey", "y", "1", "", "y"];
    const result = await revokeAndUpload(text, fingerprint, commands);
    assert(result.kind === "published", JSON.stringify(result));
    assert.equal(result.state, "compromised");
  });
  assert.match(seen.before, /^sub:-:.*:e:/m);
  assert.match(seen.after, /^pub:-:/m);
  assert.match(seen.after, /^sub:r:.*:e:/m);
  assert.match(seen.after, /^sub:-:.*:s:/m);
  const answer = await ask(server, pki, `/pks/lookup?op=get&search=${text}`);
  assert.equal(answer.status, 404);
});

test("GnuPG learns from us that a user ID is revoked", async () => {
  const text = "ben@alpha.test";
  const fingerprint = await published(text);
  await gpg(owner, ["--quick-add-uid", fingerprint, "ben@elsewhere.test"]);
  const seen = await refreshedAfter(fingerprint, async () => {
    await gpg(owner, ["--quick-revoke-uid", fingerprint, text]);
    const upload = await gpg(owner, ["--export", fingerprint]);
    const result = await publishRevocation(deps, idOf(addressOf(text)), upload);
    assert(result.kind === "published", JSON.stringify(result));
    assert.equal(result.state, "retired");
  });
  assert.match(seen.before, /^uid:-:.*:ben@alpha\.test:/m);
  assert.match(seen.after, /^uid:r:.*:ben@alpha\.test:/m);
});
