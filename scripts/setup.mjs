/**
 * Installs what is missing, and says so; quiet when nothing is. `node scripts/setup.mjs [demo|test]`.
 * The npm scripts call it first, so it is plain JavaScript that runs on Node.js 20 with nothing installed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const STAMP = join(ROOT, "node_modules/.sealpost-lock");
const GROUPS = { demo: ["demo"], test: ["demo", "test"] };

/** As root: no service is started and no database cluster is made while packages are installed. */
const INSTALL = `
set -eu
trap 'for f in $made; do rm -f "$f"; done' EXIT
trap 'exit 130' INT TERM HUP
made=
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  made="$policy"
  printf '#!/bin/sh\\nexit 101\\n' >$policy
  chmod 755 $policy
fi
cluster=/etc/postgresql-common/createcluster.d/sealpost-setup.conf
case " $* " in *" postgresql"*)
  made="$made $cluster"
  mkdir -p /etc/postgresql-common/createcluster.d
  echo "create_main_cluster = false" >$cluster ;;
esac
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
`;

class SetupError extends Error {}

main(process.argv[2]);

function main(group) {
  try {
    installNpmPackages();
    if (group !== undefined) installPrograms(group);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}\n`);
    process.exitCode = 1;
  }
}

/** The lock file decides: another lock file than at the last time means another `npm ci`. */
function installNpmPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (!existsSync(STAMP) || readFileSync(STAMP, "utf8") !== lock) {
    say("Installing the npm packages of package-lock.json …");
    run("npm", [
      "ci",
      "--ignore-scripts",
      "--include=dev",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ]);
    writeFileSync(STAMP, lock);
  }
  // Node.js 24 comes as an npm package for Linux on x64 and arm64; elsewhere the machine's own must do.
  if (
    !existsSync(join(ROOT, "node_modules/.bin/node")) &&
    Number.parseInt(process.versions.node, 10) < 24
  ) {
    throw new SetupError(
      `Sealpost needs Node.js 24, and npm has none for ${process.platform} ${process.arch}. This is ` +
        `${process.version}: install Node.js 24 from https://nodejs.org and try again.`,
    );
  }
}

function installPrograms(group) {
  const groups = GROUPS[group];
  if (groups === undefined)
    throw new SetupError(`setup: there is no group "${group}" (demo, test)`);
  const wanted = readFileSync(join(ROOT, "scripts/debian-packages.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(/\s+/))
    .map(([name, ofGroup, program, home]) => ({ name, ofGroup, program, home }))
    .filter((item) => groups.includes(item.ofGroup));
  if (isDebian()) installDebianPackages(wanted.map((item) => item.name));
  else requirePrograms(wanted);
}

function isDebian() {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return /^ID="?debian"?$/m.test(release);
}

function installDebianPackages(names) {
  const query = spawnSync("dpkg-query", ["-W", "-f=${Package} ${db:Status-Status}\n", ...names], {
    encoding: "utf8",
  });
  const installed = new Set(
    (query.stdout ?? "").split("\n").filter((line) => line.endsWith(" installed")),
  );
  const missing = names.filter((name) => !installed.has(`${name} installed`));
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !isProgram("sudo")) {
    throw new SetupError(
      `These Debian packages are missing, and only root may install them:\n  ${missing.join(" ")}\n` +
        `As root: apt-get update && apt-get install --no-install-recommends ${missing.join(" ")}`,
    );
  }
  say(`Installing the Debian packages that are missing: ${missing.join(" ")} …`);
  const asRoot = ["sh", "-c", INSTALL, "setup", ...missing];
  if (isRoot) run(asRoot[0], asRoot.slice(1));
  else run("sudo", asRoot);
}

/** Not Debian: we install nothing, but name everything that is missing at once. */
function requirePrograms(wanted) {
  const missing = wanted.filter((item) => !isPresent(item.program));
  if (missing.length === 0) return;
  const lines = missing.map(
    ({ name, program, home }) =>
      `  ${program.replace(/^\w+:/, "")} (Debian's package ${name}): ${home}`,
  );
  throw new SetupError(
    `This is not Debian, so nothing was installed. Missing here, and where it comes from:\n${lines.join("\n")}\n` +
      "Install them with the package manager of this system, or try again on Debian 12.",
  );
}

function isPresent(program) {
  if (program.startsWith("perl:")) {
    return spawnSync("perl", [`-M${program.slice("perl:".length)}`, "-e", "1"]).status === 0;
  }
  if (!program.startsWith("file:")) return isProgram(program);
  const suffix = program.slice("file:".length);
  const folders = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
  ];
  return folders.some((folder) => existsSync(join(folder, suffix)));
}

function isProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a command without its output; shows the output only when it fails. */
function run(command, args) {
  // Without the project's own node, which `npm ci` is about to replace.
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => !folder.endsWith("node_modules/.bin"));
  const result = spawnSync(command, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ["inherit", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return;
  const output =
    `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`.trim();
  const shown = args[0] === "-c" || command === "sudo" ? "apt-get" : `${command} ${args[0]}`;
  throw new SetupError(`${shortened(output)}\n\n${shown} failed; nothing was started.`);
}

/** npm says first what is wrong, apt-get last. */
function shortened(output) {
  const lines = output.split("\n");
  return lines.length <= 20
    ? output
    : [...lines.slice(0, 8), "[...]", ...lines.slice(-12)].join("\n");
}

function say(text) {
  console.log(text);
}
