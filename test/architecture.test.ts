/** The import map of ARCHITECTURE.md, enforced: a folder of `src/` may import what its row allows. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "../src");

/** Per folder: the folders it may import, then the npm packages it alone may import. */
const IMPORT_MAP: Record<string, readonly [folders: string, packages?: string]> = {
  // core: no input or output
  base: [""],
  mail: ["base"],
  openpgp: ["base mail", "openpgp"],
  pgpmime: ["base mail openpgp"],
  // the types that features and the store share
  words: ["base mail openpgp"],
  // the texts that users read
  locales: [""],
  // edges: the world outside, one protocol each
  dns: ["base mail", "dns-packet"],
  fetch: ["base mail dns"],
  smtp: ["base mail", "smtp-server"],
  imap: ["base mail", "imapflow"],
  dovecot: ["base mail"],
  scan: ["base mail"],
  http: ["base mail"],
  store: ["base mail words openpgp", "kysely pg"],
  // features: what the product does
  journal: ["base mail words store"],
  policy: ["base mail words store journal"],
  accounts: ["base mail words store policy imap dovecot"],
  keys: ["base mail words openpgp store journal"],
  discovery: ["base mail words openpgp dns fetch store journal"],
  keyserver: ["base mail words openpgp store http"],
  mailbox: ["base mail words store imap"],
  notices: ["base mail words locales"],
  login: ["base mail words accounts keys store journal"],
  outgoing: [
    "base mail words openpgp pgpmime policy discovery keys mailbox notices journal store smtp scan",
  ],
  incoming: [
    "base mail words openpgp pgpmime policy discovery keys mailbox notices journal store scan locales",
  ],
  portal: [
    "base mail words openpgp pgpmime policy discovery keys outgoing notices journal store http",
  ],
  doctor: ["base mail words dns fetch discovery keys store"],
  api: [
    "base mail words http store journal policy accounts keys discovery mailbox notices login outgoing incoming portal doctor",
    "zod sanitize-html",
  ],
  // shell: puts the parts together
  config: ["base mail", "zod smol-toml"],
  app: ["*", "pino prom-client"],
  // words in, words out: what it does to the store is done by the features
  cli: [
    "base mail words openpgp dns journal policy accounts keys discovery keyserver mailbox login incoming doctor config app locales",
  ],
};

const CORE = new Set(["base", "mail", "openpgp", "pgpmime"]);
const IO =
  /^node:(?:fs|net|tls|https?|http2|dns|dgram|child_process|worker_threads|cluster|sqlite)\b/;
/** What reads an address and opens no socket. */
const PURE = /^import \{ (?:(?:BlockList|isIP|isIPv4|isIPv6)(?:, )?)+ \} from "node:net";$/gm;
/** Static imports and re-exports, which the formatter keeps at the start of a line, and dynamic imports. */
const SPECIFIER = /(?:^(?:import|export|\})[^"'`;]*?\bfrom |^import |\bimport\()"([^"]+)"/gm;

const words = (text: string): readonly string[] => text.split(" ");

function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** The files of `src/` without their tests, by folder. */
const FILES = Map.groupBy(
  globSync(`*${sep}**${sep}*.ts`, { cwd: SRC })
    .filter((file) => !file.endsWith(".test.ts"))
    .toSorted(),
  (file) => file.slice(0, file.indexOf(sep)),
);

/** What a file imports, as it is written. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(SRC, file), "utf8").replaceAll(PURE, "");
  return [...text.matchAll(SPECIFIER)].map(([, specifier = ""]) => specifier);
}

/** What is wrong with one import of a file; undefined when it is allowed. */
function faultOf(folder: string, file: string, specifier: string): string | undefined {
  const [folders, packages = ""] = IMPORT_MAP[folder] ?? [""];
  if (specifier.startsWith("node:")) {
    return CORE.has(folder) && IO.test(specifier) ? "core does no I/O" : undefined;
  }
  if (!specifier.startsWith(".")) {
    const isAllowed = words(packages).includes(packageOf(specifier));
    return isAllowed ? undefined : `src/${folder}/ may not import this package`;
  }
  return faultOfPath(folder, folders, join(SRC, dirname(file), specifier));
}

/** What is wrong with the import of a file of ours. */
function faultOfPath(folder: string, folders: string, path: string): string | undefined {
  const target = relative(SRC, path).split(sep, 1)[0] ?? "";
  if (target === "..") return "src/ imports nothing outside of it";
  const isAllowed = target === folder || folders === "*" || words(folders).includes(target);
  return isAllowed ? undefined : `src/${folder}/ may not import src/${target}/`;
}

for (const [folder, files] of FILES) {
  test(`src/${folder}/ imports only what it may`, () => {
    assert(IMPORT_MAP[folder], `src/${folder}/ has no row in the import map`);
    const faults = files.flatMap((file) =>
      importsOf(file).flatMap((specifier) => {
        const fault = faultOf(folder, file, specifier);
        return fault === undefined ? [] : [`${file}: ${specifier}: ${fault}`];
      }),
    );
    assert.deepEqual(faults, []);
  });
}

test("the table of ARCHITECTURE.md has the rows of the folders that are here", () => {
  const text = readFileSync(join(SRC, "../ARCHITECTURE.md"), "utf8");
  const rows = [...text.matchAll(/^\| ([a-z, ]+) \| ([a-z ]+|-) \| ([a-z -]*)\|$/gm)].flatMap(
    ([, names = "", folders = "", packages = ""]) =>
      names.split(", ").map((name) => [name, { folders, packages: packages.trim() }] as const),
  );
  const isHere = (name: string): boolean => name === "*" || FILES.has(name);
  const expected = [...FILES.keys()].map((folder) => {
    const [map = "", packages = ""] = IMPORT_MAP[folder] ?? [];
    const folders = map === "*" ? "everything" : words(map).filter(isHere).join(" ") || "-";
    return [folder, { folders, packages }] as const;
  });
  const written = Object.fromEntries(rows.filter(([name]) => FILES.has(name)));
  assert.deepEqual(written, Object.fromEntries(expected));
});

test("no files import each other in a circle", () => {
  const graph = new Map<string, readonly string[]>(
    [...FILES.values()].flat().map((file) => {
      const targets = importsOf(file).filter((specifier) => specifier.startsWith("."));
      return [file, targets.map((specifier) => join(dirname(file), specifier))];
    }),
  );
  assert.deepEqual(circlesIn(graph), []);
});

/** Each circle once, as the files on it. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(" -> "));
    if (at >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return circles;
}
