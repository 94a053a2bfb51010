/** A refusal that nobody looks at would be lost: whoever calls a flow takes what it returns. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "../src");
const FLOWS = "{accounts,journal,keys,vault,login,policy}/*.ts";

/** What an account that was closed or erased meanwhile does not need: upkeep of its keys, and a warning that they end. */
const NOT_NEEDED: readonly string[] = [
  "keys/expiry-warnings.ts: await changeKeys(",
  "keys/upkeep.ts: await changeKeys(",
];

const sources = (pattern: string): ReadonlyMap<string, string> =>
  new Map(
    globSync(pattern, { cwd: SRC })
      .filter((file) => !file.endsWith(".test.ts"))
      .map((file) => [file, readFileSync(join(SRC, file), "utf8")]),
  );

/** The exported types whose definition has a `kind`, or is made of others that have. */
function unionsIn(text: string): readonly string[] {
  return [...text.matchAll(/^export type (\w+) =([^]*?);\n(?=\n|$)/gm)]
    .filter(([, , definition = ""]) => /\bkind: "|\bAccountRefusal\b/.test(definition))
    .map(([, name = ""]) => name);
}

/** The exported functions that return one of these types. */
function flowsIn(text: string, unions: ReadonlySet<string>): readonly string[] {
  return [
    ...text.matchAll(
      /^export async function (\w+)[^{]*?(?:\{[^{}]*\}[^{]*?)*\): Promise<(.*)> \{$/gm,
    ),
  ]
    .filter(([, , type = ""]) => type.split(" | ").some((name) => unions.has(name)))
    .map(([, name = ""]) => name);
}

test("nobody calls a flow without taking its outcome", () => {
  const texts = [...sources(FLOWS).values()];
  const unions = new Set(texts.flatMap(unionsIn));
  const flows = texts.flatMap((text) => flowsIn(text, unions));
  for (const known of [
    "login",
    "enrol",
    "addAlias",
    "rotateKey",
    "resetPassword",
    "changePolicy",
    "changeLanguage",
  ]) {
    assert(flows.includes(known), known);
  }
  const ignored = new RegExp(`^ *(?:await|void) (?:${flows.join("|")})\\(`, "gm");
  const found = [...sources("**/*.ts")].flatMap(([file, text]) =>
    [...text.matchAll(ignored)].map(([call]) => `${file}: ${call.trim()}`),
  );
  assert.deepEqual([...new Set(found)].toSorted(), NOT_NEEDED);
});
