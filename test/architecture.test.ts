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
  // edges: the world outside, one protocol each
  dns: ["base mail", "dns-packet"],
  fetch: ["base mail dns"],
  smtp: ["base mail", "smtp-server"],
  imap: ["base mail", "imapflow"],
  dovecot: ["base mail"],
  scan: ["base mail"],
  http: ["base mail"],
  store: ["base mail openpgp", "kysely pg"],
  // features: what the product does
  journal: ["base mail store"],
  policy: ["base mail store"],
  accounts: ["base mail store imap dovecot"],
  keys: ["base mail openpgp store journal"],
  discovery: ["base mail openpgp dns fetch store"],
  keyserver: ["base mail openpgp store http"],
  mailbox: ["base mail store imap"],
  notices: ["base mail"],
  login: ["base mail accounts keys store journal"],
  outgoing: [
    "base mail openpgp pgpmime policy discovery keys mailbox notices journal store smtp scan",
  ],
  incoming: [
    "base mail openpgp pgpmime policy discovery keys mailbox notices journal store smtp scan",
  ],
  portal: ["base mail openpgp pgpmime policy discovery keys outgoing notices journal store http"],
  doctor: ["base mail dns fetch discovery keys store"],
  api: [
    "base mail http store journal policy accounts keys discovery mailbox notices login outgoing incoming portal doctor",
    "zod sanitize-html",
  ],
  // shell: puts the parts together
  config: ["base mail", "zod smol-toml"],
  app: ["*", "pino prom-client"],
  cli: ["*"],
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

for (const file of globSync(`*${sep}**${sep}*.ts`, { cwd: SRC }).toSorted()) {
  if (file.endsWith(".test.ts")) continue;
  test(`src/${file} imports only what its folder may`, () => {
    const folder = file.slice(0, file.indexOf(sep));
    const row = IMPORT_MAP[folder];
    assert(row, `src/${folder}/ has no row in the import map`);
    const [folders, packages = ""] = row;
    const text = readFileSync(join(SRC, file), "utf8").replaceAll(PURE, "");
    for (const [, specifier = ""] of text.matchAll(SPECIFIER)) {
      if (specifier.startsWith("node:")) {
        assert(!CORE.has(folder) || !IO.test(specifier), `core does no I/O: ${specifier}`);
      } else if (specifier.startsWith(".")) {
        const target = relative(SRC, join(SRC, dirname(file), specifier)).split(sep, 1)[0] ?? "";
        const allowed = target === folder || folders === "*" || words(folders).includes(target);
        assert(allowed, `src/${folder}/ may not import src/${target}/`);
      } else {
        const allowed = words(packages).includes(packageOf(specifier));
        assert(allowed, `src/${folder}/ may not import the package ${packageOf(specifier)}`);
      }
    }
  });
}
