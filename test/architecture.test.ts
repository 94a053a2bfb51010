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
  locales: ["words"],
  // edges: the world outside, one protocol each
  dns: ["base mail", "dns-packet"],
  fetch: ["base mail dns"],
  smtp: ["base mail", "smtp-server"],
  imap: ["base mail", "imapflow"],
  dovecot: ["base mail"],
  scan: ["base mail"],
  store: ["base mail words openpgp", "kysely pg"],
  // features: what the product does
  jobs: ["base words store"],
  blobs: ["base words store"],
  journal: ["base mail words store"],
  policy: ["base mail words store journal"],
  accounts: ["base mail words store journal policy imap dovecot"],
  vault: ["base mail words openpgp store journal"],
  keys: ["base mail words openpgp store journal vault"],
  discovery: ["base mail words openpgp dns fetch store journal"],
  keyserver: ["base mail words openpgp store"],
  mailbox: ["base mail words openpgp pgpmime vault store blobs imap"],
  spool: ["base mail words store blobs mailbox"],
  notices: ["base mail words locales"],
  login: ["base mail words accounts vault keys store journal"],
  outgoing: [
    "base mail words openpgp pgpmime jobs policy discovery vault keys mailbox notices journal store smtp scan locales",
  ],
  incoming: [
    "base mail words openpgp pgpmime policy discovery vault keys mailbox spool notices journal store scan locales",
  ],
  portal: [
    "base mail words openpgp pgpmime policy discovery vault keys outgoing notices journal store",
  ],
  doctor: ["base mail words dns fetch discovery vault keys store blobs"],
  api: [
    "base mail words store journal policy accounts vault keys discovery mailbox notices login outgoing incoming portal doctor",
    "zod sanitize-html",
  ],
  // shell: puts the parts together
  config: ["base mail", "zod smol-toml"],
  app: ["*", "pino prom-client"],
  // words in, words out: what it does to the store is done by the features
  cli: [
    "base mail words openpgp dns journal policy accounts vault keys discovery keyserver mailbox spool login outgoing incoming doctor config app locales",
  ],
};

/** Rooms whose folder keeps an order: a room imports its own files and those of the rooms before it, never of one behind. */
const ORDER_OF_ROOMS: Readonly<Record<string, readonly string[]>> = {
  openpgp: ["packets", "certificates", "keys", "messages", "imports"],
};

/** Rooms that may import less than their folder. */
const ROOMS_APART: Readonly<Record<string, readonly string[]>> = {
  // the keyserver's HTTPS server knows neither OpenPGP nor the database
  "keyserver/lane": ["keyserver/lane", "base", "mail"],
};

/** Folders without a subject of their own: small values and types that all others share. */
const WITHOUT_DOOR = new Set(["base", "words"]);
/** Minimum number of lines of a page that teaches its folder's subject. */
const MIN_PAGE_LINES = 5;

/** Maximum number of lines of a file of `src/`. */
const MAX_LINES = 250;
/** Longer files, and why they are no two. */
const LONG: Readonly<Record<string, string>> = {
  "store/engine/schema.ts": "the rows of all tables, one type after the other",
  "store/migrations/0001-first.ts": "the first schema is one text",
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

for (const folder of FILES.keys().filter((name) => !WITHOUT_DOOR.has(name))) {
  test(`src/${folder}/ has a file of its name, which opens with a page about its subject`, () => {
    const text = readFileSync(join(SRC, folder, `${folder}.ts`), "utf8");
    const [page = ""] = /^\/\*\*\n(?: \*.*\n)+? \*\/$/m.exec(text) ?? [];
    assert(text.startsWith(page) && page.split("\n").length - 2 >= MIN_PAGE_LINES);
  });
}

test("no file is long without a reason", () => {
  const long = [...FILES.values()]
    .flat()
    .filter((file) => readFileSync(join(SRC, file), "utf8").split("\n").length - 1 > MAX_LINES);
  assert.deepEqual(long.toSorted(), Object.keys(LONG).toSorted());
});

test("a folder has one level of rooms", () => {
  const deeper = [...FILES.values()].flat().filter((file) => file.split(sep).length > 3);
  assert.deepEqual(deeper, []);
});

test("a room imports none behind it, and one apart imports only what it may", () => {
  const faults = [...FILES.values()].flat().flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => join(dirname(file), specifier))
      .filter((target) => isBehind(file, target) || isTooFar(file, target))
      .map((target) => `${file}: ${target}`),
  );
  assert.deepEqual(faults, []);
});

/** Whether the target stands in a room behind that of the file, or in no room while the file is in an ordered one. */
function isBehind(file: string, target: string): boolean {
  const [folder = "", room = ""] = file.split(sep);
  const [targetFolder, targetRoom = ""] = target.split(sep);
  const order = ORDER_OF_ROOMS[folder];
  if (order === undefined || folder !== targetFolder || !order.includes(room)) return false;
  const place = order.indexOf(targetRoom);
  return place === -1 || place > order.indexOf(room);
}

function isTooFar(file: string, target: string): boolean {
  const allowed = ROOMS_APART[dirname(file)];
  return allowed !== undefined && !allowed.some((place) => target.startsWith(`${place}${sep}`));
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
