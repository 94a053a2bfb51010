import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import type { Language } from "../words/language.ts";
import { dayText, timeText } from "./dates.ts";
import de from "./de.json" with { type: "json" };
import en from "./en.json" with { type: "json" };
import fr from "./fr.json" with { type: "json" };
import { counted, text } from "./locales.ts";
import { PLACEHOLDERS } from "./placeholders.ts";

const SRC = join(import.meta.dirname, "..");
const MAX_WORDS = 25;

const CATALOGUES: Readonly<Record<Language, Readonly<Record<string, string>>>> = { en, de, fr };
const TRANSLATIONS = { de, fr } as const;

function placeholdersOf(words: string): readonly string[] {
  return [...new Set([...words.matchAll(/\{([a-z]+)\}/gi)].map(([, name = ""]) => name))];
}

test("the compiler knows the placeholders that the texts have", () => {
  const found = Object.entries(en).flatMap(([key, value]) => {
    const names = placeholdersOf(value);
    return names.length === 0 ? [] : [[key, names] as const];
  });
  assert.deepEqual({ ...PLACEHOLDERS }, Object.fromEntries(found));
});

test("what is translated is so into every language, with the placeholders that the English text has", () => {
  const order = Object.keys(en).filter((key) => key in de);
  for (const [language, texts] of Object.entries(TRANSLATIONS)) {
    assert.deepEqual(Object.keys(texts), order, language);
    for (const [key, words] of Object.entries(texts)) {
      const english = CATALOGUES.en[key] ?? "";
      const names = [placeholdersOf(words), placeholdersOf(english)].map((one) => one.toSorted());
      assert.deepEqual(names[0], names[1], `${language} ${key}`);
      assert.notEqual(words, english, `${language} ${key}`);
    }
  }
});

test("the English texts are in ASCII, so that they stand in replies and in what programs read", () => {
  assert.deepEqual(
    Object.entries(en).filter(([, words]) => /[^ -~]/.test(words)),
    [],
  );
});

test("French punctuation of two parts has a blank before it at which no line ends", () => {
  const wrong = Object.values(fr).filter((words) => /[^\u00a0][;:?!](?: |$)/.test(words));
  assert.deepEqual(wrong, []);
});

test("a language is asked for where a text has several, and refused where it has not", () => {
  // @ts-expect-error There is no such text without a language.
  text("bounce.subject");
  // @ts-expect-error There is this text in English alone.
  text("refusal.no-alias", "de");
  // @ts-expect-error The number comes in the form of a language.
  counted("key-ending.lead", 1);
  // @ts-expect-error There is this text in English alone.
  counted("conversion.bodies", 1, "de");
  // @ts-expect-error Its placeholders are filled in in every language.
  text("delay.lead", "de");
  assert.equal(text("bounce.subject", "de"), "Ihre Nachricht konnte nicht zugestellt werden");
});

test("dates are in the style of the language, and by UTC wherever the host is", () => {
  // A day later there.
  process.env["TZ"] = "Pacific/Auckland";
  const date = fromUnixMs(1_803_942_300_000);
  assert.equal(date.getDate(), 2);
  assert.deepEqual(
    (["en", "de", "fr"] as const).map((one) => [dayText(date, one), timeText(date, one)]),
    [
      ["1 March 2027", "1 March 2027 at 23:05 UTC"],
      ["1. März 2027", "1. März 2027 um 23:05 UTC"],
      ["1 mars 2027", "1 mars 2027 à 23:05 UTC"],
    ],
  );
});

test("every text is used", () => {
  const files = globSync("**/*.ts", { cwd: SRC }).filter(
    (file) => !file.endsWith(".test.ts") && !file.startsWith("locales/"),
  );
  const source = files.map((file) => readFileSync(join(SRC, file), "utf8")).join("\n");
  const patterns = [...source.matchAll(/\btext\(\s*`([^`]+)`/g)].map(
    ([, key = ""]) =>
      new RegExp(`^${key.replaceAll(".", "\\.").replaceAll(/\$\{[^}]+\}/g, "[0-9A-Za-z_-]+")}$`),
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
  const long = Object.values(CATALOGUES)
    .flatMap((texts) => Object.values(texts))
    .flatMap((value) => value.split(/[.;:?!](?:\s|$)/))
    .filter((sentence) => sentence.split(/\s+/).filter((word) => word !== "").length > MAX_WORDS);
  assert.deepEqual(long, []);
});

test("placeholders are filled in, and what fills them in is not read for others", () => {
  const address = "{reason}@alpha.test";
  assert.equal(text("refusal.no-key", { address }), "{reason}@alpha.test has no key");
});

test("a number chooses the form of its text", () => {
  assert.match(counted("key-ending.lead", 1, "en"), /ends in one day,/);
  assert.match(counted("key-ending.lead", 3, "en"), /ends in 3 days,/);
  assert.match(counted("key-ending.lead", 3, "de"), /in 3 Tagen/);
  // None is one in French, and not in the others.
  assert.match(counted("key-ending.lead", 0, "fr"), /dans un jour/);
  assert.match(counted("key-ending.lead", 0, "de"), /in 0 Tagen/);
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
