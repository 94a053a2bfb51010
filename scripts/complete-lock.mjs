/**
 * Adds to package-lock.json what `npm install` leaves out when the registry in use has only some platforms: the optional
 * packages of the other platforms. Without them `npm ci` takes the file for outdated. Run it after each `npm install`.
 * npm skips a package of another platform by these fields and never fetches it; its checksum is added by the next
 * `npm install` with a registry that has it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "x64"];

const lock = JSON.parse(readFileSync(FILE, "utf8"));
const added = {};
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] === undefined) added[place] = entryFor(name, version, dev);
  }
}
if (Object.keys(added).length > 0) {
  const packages = Object.entries({ ...lock.packages, ...added });
  packages.sort(([a], [b]) => a.localeCompare(b, "en"));
  lock.packages = Object.fromEntries(packages);
  writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
}
console.log(`${Object.keys(added).length} packages of other platforms added to package-lock.json`);

/** Such packages say in their name what they are for: `@oxlint/binding-linux-arm-musleabihf`. */
function entryFor(name, version, dev) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d/.test(version)) {
    throw new Error(`${name}@${version}: cannot tell its platform from its name`);
  }
  const libc = words.some((word) => word.startsWith("musl")) ? { libc: ["musl"] } : {};
  return { version, cpu, ...(dev === true ? { dev } : {}), ...libc, optional: true, os };
}
