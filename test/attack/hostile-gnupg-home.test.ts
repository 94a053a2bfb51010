/** A GnuPG home whose options name programs is read, and none of them runs. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { openGnupgHome } from "../../src/cli/gnupg-home.ts";

const run = promisify(execFile);
const USER = "<alice@alpha.test>";
const folders: string[] = [];

after(async () => {
  for (const folder of folders) {
    await run("gpgconf", ["--homedir", folder, "--kill", "all"]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
});

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "sealpost-home-"));
  folders.push(home);
  await chmod(home, 0o700);
  const quiet = ["--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""];
  await run("gpg", [...quiet, "--quick-generate-key", USER, "ed25519", "sign", "1y"]);
  await run("gpgconf", ["--homedir", home, "--kill", "all"]);
  return home;
}

test("no program that a GnuPG home names runs when its keys are imported", async () => {
  const home = await makeHome();
  const mark = join(home, "ran");
  const evil = join(home, "evil");
  await writeFile(evil, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
  await writeFile(join(home, "gpg.conf"), `agent-program ${evil}\nphoto-viewer ${evil}\n`);
  await writeFile(join(home, "common.conf"), `keyboxd-program ${evil}\n`);
  const agent = [`pinentry-program ${evil}`, `scdaemon-program ${evil}`];
  await writeFile(join(home, "gpg-agent.conf"), `${agent.join("\n")}\n`);
  await using opened = await openGnupgHome(home);
  assert.equal((await opened.exportSecretKeys(USER)).kind, "exported");
  assert.equal((await opened.exportSecretKeys("<nobody@alpha.test>")).kind, "absent");
  await assert.rejects(access(mark), { code: "ENOENT" });
});

test("a link in place of a key file is not followed", async () => {
  const home = await mkdtemp(join(tmpdir(), "sealpost-home-"));
  folders.push(home);
  await mkdir(join(home, "private-keys-v1.d"));
  await symlink("/etc/passwd", join(home, "pubring.kbx"));
  await assert.rejects(openGnupgHome(home), /pubring\.kbx is no ordinary file/);
});
