import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import en from "./en.json" with { type: "json" };
import { counted, text } from "./locales.ts";
import { PLACEHOLDERS } from "./placeholders.ts";

const SRC = join(import.meta.dirname, "..");
const MAX_WORDS = 25;

test("the compiler knows the placeholders that the texts have", () => {
  const found = Object.entries(en).flatMap(([key, value]) => {
    const names = [...value.matchAll(/\{([a-z]+)\}/gi)].map(([, name]) => name);
    return names.length === 0 ? [] : [[key, [...new Set(names)]] as const];
  });
  assert.deepEqual({ ...PLACEHOLDERS }, Object.fromEntries(found));
});

test("every text is used", () => {
  const files = globSync("**/*.ts", { cwd: SRC }).filter(
    (file) => !file.endsWith(".test.ts") && !file.startsWith("locales/"),
  );
  const source = files.map((file) => readFileSync(join(SRC, file), "utf8")).join("\n");
  const patterns = [...source.matchAll(/\btext\(\s*`([^`]+)`/g)].map(
    ([, key = ""]) =>
      new RegExp(`^${key.replaceAll(".", "\\.").replaceAll(/\$\{[^}]+\}/g, "[A-Za-z_-]+")}$`),
  );
  const plurals = [...source.matchAll(/\bcounted\(\s*"([^"]+)"/g)].map(([, key]) => key);
  const unused = Object.keys(en).filter(
    (key) =>
      !source.includes(`"${key}"`) &&
      !patterns.some((pattern) => pattern.test(key)) &&
      !plurals.includes(key.slice(0, key.lastIndexOf("."))),
  );
  assert.deepEqual(unused, []);
});

test("no sentence is longer than 25 words", () => {
  const long = Object.values(en)
    .flatMap((value) => value.split(/[.;:?!](?:\s|$)/))
    .filter((sentence) => sentence.split(/\s+/).filter((word) => word !== "").length > MAX_WORDS);
  assert.deepEqual(long, []);
});

test("placeholders are filled in, and what fills them in is not read for others", () => {
  const address = "{reason}@alpha.test";
  assert.equal(text("refusal.no-key", { address }), "{reason}@alpha.test has no key");
});

test("a number chooses the form of its text", () => {
  assert.match(counted("key-ending.lead", 1), /ends in one day,/);
  assert.match(counted("key-ending.lead", 3), /ends in 3 days,/);
});

/** What a command line is understood by stays in the code: help, usage, and the names of secrets that stdin lacks. */
const OF_USAGE =
  /\/\*[^]*?\*\/|^\s*\/\/.*$|new UsageError\([^]*?\);|\b(?:help|summary):\s*(?:"[^"]*"|`[^`]*`)|const names = [^]*?;|const proof = [^]*?;|readSecrets\([^]*?\);|\["the key's passphrase"\]/gm;

test("what the commands of mail, accounts and keys say to people is in the catalogue", () => {
  const files = globSync("cli/{mail,account,key}*.ts", { cwd: SRC });
  const sentences = files
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) => {
      const code = readFileSync(join(SRC, file), "utf8").replaceAll(OF_USAGE, "");
      return [...code.matchAll(/"[^"\n]*"|`[^`]*`/g)]
        .map(([literal]) => literal.replaceAll(/\$\{[^}]*\}/g, "x"))
        .filter((literal) => /[a-z]{2,} [a-z]+ [a-z]+/i.test(literal))
        .map((literal) => `${file}: ${literal}`);
    });
  assert.deepEqual(sentences, []);
});
