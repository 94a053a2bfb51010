/** A version 4 key whose flags stand in its direct-key signature alone: what we sign with it, GnuPG and Sequoia verify. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { signDetached } from "../support/signatures.ts";
import { type Gnupg, openGnupg } from "../../lab/gnupg.ts";
import { run } from "../../lab/run.ts";
import { DAY, after as later } from "../../src/base/time.ts";
import { armorKey } from "../../src/openpgp/packets/armor.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { flags, newForge } from "../support/forge-certificate.ts";
import { ADA, NOW, USER, forgedSecret, imported } from "../support/secret-keys.ts";

let dir: string;
let gnupg: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-direct-"));
  gnupg = await openGnupg({ home: join(dir, "h") });
  const made = later(NOW, -DAY);
  const bytes = await forgedSecret(await newForge(made), {
    date: made,
    userIds: [USER],
    certification: { keyFlags: null as never },
    direct: { keyFlags: flags(0x03) },
  });
  const result = await imported(bytes, { address: ADA, now: NOW });
  assert(result.kind === "importable", JSON.stringify(result));
  using raw = result.secretKey;
  using signer = await readSecretKey(raw);
  const data = Buffer.from("signed here");
  const signature = await signDetached({ data, signer, intended: [], now: NOW });
  const certificate = armorKey("PUBLIC", result.certificate.bytes);
  await writeFile(join(dir, "document"), data);
  await writeFile(join(dir, "document.sig"), signature);
  await writeFile(join(dir, "certificate.asc"), certificate);
});
after(async () => {
  await gnupg[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

test("GnuPG verifies it", async () => {
  const taken = await gnupg.gpg(["--import", join(dir, "certificate.asc")]);
  assert.equal(taken.code, 0, taken.stderr);
  const files = [join(dir, "document.sig"), join(dir, "document")];
  const { stdout } = await gnupg.gpg(["--status-fd", "1", "--verify", ...files]);
  assert.match(stdout.toString(), /\[GNUPG:\] GOODSIG /);
  const listed = await gnupg.gpg(["--with-colons", "--list-keys"]);
  const capabilities = /^pub:(?:[^:]*:){10}([^:]*):/m.exec(listed.stdout.toString())?.[1];
  assert.match(capabilities ?? "", /^sc/);
});

test("Sequoia verifies it", async () => {
  const signature = ["--detached", join(dir, "document.sig")];
  const signer = ["--signer-cert", join(dir, "certificate.asc")];
  const args = ["verify", ...signature, ...signer, join(dir, "document")];
  const { code, stderr } = await run("sq", args);
  assert.equal(code, 0, stderr);
});
