/** Revocations that GnuPG makes with hashes that count for nothing else, and itself believes. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { type Gnupg, openGnupg } from "../../lab/gnupg.ts";
import { run } from "../../lab/run.ts";
import { systemClock } from "../../src/base/time.ts";
import { acceptForEncryption, revocationOf } from "../../src/openpgp/certificates/acceptance.ts";
import { parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { addressOf } from "../support/address.ts";

let dir: string;
let owner: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-weak-"));
  owner = await openGnupg({ home: join(dir, "o") });
});
after(async () => {
  await owner[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function gpg(args: readonly string[], input = ""): Promise<Buffer> {
  const given = ["--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", ...args];
  const env = { GNUPGHOME: owner.home };
  const { code, stdout, stderr } = await run("gpg", given, { input, env });
  if (code !== 0) throw new Error(`gpg ${args.join(" ")}: ${stderr}`);
  return stdout;
}

for (const [kind, hashes] of [
  ["ed25519", ["SHA1", "RIPEMD160", "SHA224", "SHA256"]],
  ["rsa3072", ["SHA1", "RIPEMD160", "SHA224", "SHA512"]],
] as const) {
  for (const hash of hashes) {
    test(`a revocation that GnuPG makes of an ${kind} key with ${hash} counts`, async () => {
      const user = `${kind}-${hash.toLowerCase()}@k.test`;
      await gpg(["--batch", "--quick-generate-key", user, kind, "sign,cert", "never"]);
      const listed = (await gpg(["--batch", "--with-colons", "--list-keys", user])).toString();
      const fingerprint = /(?<=^fpr:+)[0-9A-F]+/m.exec(listed)?.[0] ?? "";
      const encryption = kind === "ed25519" ? "cv25519" : kind;
      await gpg(["--batch", "--quick-add-key", fingerprint, encryption, "encr", "never"]);
      const certificate = await gpg(["--batch", "--export", fingerprint]);
      const file = join(dir, `${user}.asc`);
      // Yes; no reason; no description; yes.
      const digest = ["--cert-digest-algo", hash, "--digest-algo", hash, "--command-fd", "0"];
      await gpg([...digest, "--output", file, "--gen-revoke", fingerprint], "y\n0\n\ny\n");
      const armor = await readFile(file);
      const text = await gpg(["--batch", "--armor", "--export", fingerprint]);
      const parsed = await parseCertificates(Buffer.concat([text, armor]));
      assert(parsed.kind === "parsed");
      const [revoked] = parsed.certificates;
      assert(revoked);
      assert.equal((await revocationOf(revoked)).kind, "hard");
      const acceptance = await acceptForEncryption(revoked, addressOf(user), systemClock.now());
      assert.deepEqual(acceptance, { kind: "unusable", reason: "revoked" });
      const before = await parseCertificates(certificate);
      assert(before.kind === "parsed" && before.certificates[0]);
      assert.equal((await revocationOf(before.certificates[0])).kind, "none");
    });
  }
}
