/**
 * Completes package-lock.json after `npm install`: entries without a checksum are dropped and asked for again, those of other
 * platforms too, and a lock file that still has gaps is refused. `npm ci` installs an entry without a checksum unchecked.
 * `--check [FILE]` changes nothing.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const [flag, file = fileURLToPath(new URL("../package-lock.json", import.meta.url))] =
  process.argv.slice(2);

if (flag !== "--check" && gapsIn(read(file)).length > 0) {
  const lock = read(file);
  for (const place of gapsIn(lock)) delete lock.packages[place];
  writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  const args = ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"];
  spawnSync("npm", args, { cwd: dirname(file), stdio: "inherit" });
}

const gaps = gapsIn(read(file));
const missing = missingIn(read(file));
for (const place of gaps) console.error(`${place} has no checksum (integrity)`);
for (const name of missing) console.error(`${name} is wanted by a package and has no entry`);
if (gaps.length + missing.length > 0) {
  console.error("Run scripts/complete-lock.mjs where the registry has every platform's packages.");
  process.exitCode = 1;
}

function read(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Entries of packages, the project itself and links aside, that anything could be installed for. */
function gapsIn({ packages }) {
  return Object.keys(packages).filter((place) => {
    const { integrity, link } = packages[place];
    return place !== "" && link !== true && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "");
  });
}

/** Without the packages of the other platforms `npm ci` takes the file for outdated there. */
function missingIn({ packages }) {
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  return [...new Set(wanted)].filter((name) => packages[`node_modules/${name}`] === undefined);
}
