/** Programs of other makers, run as their users run them: once for each message, with keys that have no passphrase. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { armorKey } from "../../src/openpgp/packets/armor.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import type { Kind, Lane, Pair } from "./lane.ts";

/** Programs that read no container of version 2: none of those in Debian 12 does. */
const PROGRAMS = ["gpg", "sq", "sqop", "rnp"] as const;
type Program = (typeof PROGRAMS)[number];

function isInstalled(program: string): boolean {
  const path = (process.env["PATH"] ?? "").split(":");
  return path.some((dir) => existsSync(join(dir, program)));
}

/** Those that are there, and the names of those that are not. */
export function programsHere(): { readonly here: readonly Program[]; readonly missing: string[] } {
  const here = PROGRAMS.filter(isInstalled);
  return { here, missing: PROGRAMS.filter((program) => !here.includes(program)) };
}

/** Ends the agent of GnuPG that keeps the keys of a kind. */
export function endPrograms(kind: Kind, dir: string): void {
  const home = homeOf(kind, dir);
  if (isInstalled("gpgconf") && existsSync(home)) shell(`gpgconf --homedir ${home} --kill all`);
}

function homeOf({ name }: Kind, dir: string): string {
  return join(dir, name.replaceAll(/\W+/g, "-"));
}

/** Each with the keys of a kind in a directory of its own. */
export function programLanes(program: Program, kind: Kind, dir: string, data: Uint8Array): Pair {
  const home = homeOf(kind, dir);
  const files = writeKeys(kind, home);
  const [plain, sealed] = [join(home, "plain"), join(home, `sealed-${program}`)];
  writeFileSync(plain, data);
  const paths = { ...files, home, plain, sealed, out: join(home, "out"), kind };
  const commands = COMMANDS[program](paths);
  // Once, so that there is something to open.
  shell(commands.seal);
  return {
    seal: programLane(program, commands.seal, home),
    open: programLane(program, commands.open, home),
  };
}

type Paths = ReturnType<typeof writeKeys> & {
  readonly home: string;
  readonly plain: string;
  readonly sealed: string;
  readonly out: string;
  readonly kind: Kind;
};

const COMMANDS: Readonly<Record<Program, (paths: Paths) => { seal: string; open: string }>> = {
  gpg: ({ home, plain, sealed, out, kind: { alice, bob } }) => {
    const gpg = `gpg --homedir ${home} --batch --yes --quiet --no-tty --trust-model always`;
    const to = `--local-user ${alice.fingerprint} --recipient ${bob.fingerprint}`;
    return {
      seal: `${gpg} --armor --sign --encrypt ${to} -z 0 --output ${sealed} ${plain}`,
      open: `${gpg} --output ${out} --decrypt ${sealed} 2>/dev/null`,
    };
  },
  sq: ({ aliceKey, bobKey, aliceCert, bobCert, plain, sealed, out }) => ({
    seal: `sq --force encrypt --recipient-cert ${bobCert} --signer-key ${aliceKey} --output ${sealed} ${plain}`,
    open: `sq --force decrypt --recipient-key ${bobKey} --signer-cert ${aliceCert} --output ${out} ${sealed} 2>/dev/null`,
  }),
  sqop: ({ aliceKey, bobKey, aliceCert, bobCert, plain, sealed, out }) => ({
    seal: `sqop encrypt --sign-with=${aliceKey} ${bobCert} <${plain} >${sealed}`,
    open: `rm -f ${out}-v; sqop decrypt --verify-with=${aliceCert} --verifications-out=${out}-v ${bobKey} <${sealed} >${out}`,
  }),
  rnp: ({ home, plain, sealed, out, kind: { alice, bob } }) => {
    const rnp = `rnp --homedir ${home}/rnp --overwrite`;
    return {
      seal: `${rnp} --armor --sign --encrypt -u ${alice.fingerprint} -r ${bob.fingerprint} -z 0 --output ${sealed} ${plain} >/dev/null 2>&1`,
      open: `${rnp} --decrypt --output ${out} ${sealed} >/dev/null 2>&1`,
    };
  },
};

function writeKeys({ alice, bob }: Kind, home: string) {
  const file = (name: string) => join(home, name);
  const paths = {
    aliceKey: file("alice.key"),
    bobKey: file("bob.key"),
    aliceCert: file("alice.cert"),
    bobCert: file("bob.cert"),
  };
  if (existsSync(home)) return paths;
  mkdirSync(join(home, "rnp"), { recursive: true, mode: 0o700 });
  writeFileSync(paths.aliceCert, armorKey("PUBLIC", alice.certificate.bytes));
  writeFileSync(paths.bobCert, armorKey("PUBLIC", bob.certificate.bytes));
  for (const [path, key] of [[paths.aliceKey, alice] as const, [paths.bobKey, bob] as const]) {
    writeFileSync(path, armoredSecret(key), { mode: 0o600 });
    const quiet = "--batch --quiet --pinentry-mode loopback --passphrase ''";
    if (isInstalled("gpg")) shell(`gpg --homedir ${home} ${quiet} --import ${path} 2>/dev/null`);
    if (isInstalled("rnp")) {
      shell(`rnpkeys --homedir ${home}/rnp --import-keys ${path} >/dev/null 2>&1`);
    }
  }
  return paths;
}

function armoredSecret(key: UnlockedKey): Uint8Array {
  using raw = key.secretBytes();
  return armorKey("PRIVATE", raw.reveal());
}

function shell(command: string): string {
  return execFileSync("bash", ["-c", command], { encoding: "utf8" });
}

/** The processor time of a shell's children, as the shell counts it, and that of the agent of GnuPG. */
function programLane(name: Program, command: string, home: string): Lane {
  return {
    name,
    measure: async (times) => {
      const before = name === "gpg" ? agentMs(home) : 0;
      const runs = `for ((i = 0; i < ${String(times)}; i++)); do ${command} || exit 1; done; times`;
      const children = shell(runs).trim().split("\n").at(-1) ?? "";
      const agent = name === "gpg" ? agentMs(home) - before : 0;
      return Promise.resolve((msOf(children) + agent) / times);
    },
  };
}

/** `0m0.012s 0m0.003s`: user and system. */
function msOf(text: string): number {
  const parts = [...text.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => {
    return sum + (Number(minutes) * 60 + Number(seconds)) * 1000;
  }, 0);
}

const TICK_MS = 10;

/** What the agent that has the secret keys has taken so far (proc(5), `utime` and `stime`). */
function agentMs(home: string): number {
  const answer = shell(`gpg-connect-agent --homedir ${home} 'getinfo pid' /bye`);
  const pid = /^D (\d+)/m.exec(answer)?.[1] ?? "";
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
