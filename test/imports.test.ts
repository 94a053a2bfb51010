/** One order of imports in all of `src/`: what Node and others have, a blank line, other folders, the own folder. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");
const IMPORT = /^import (?:[^;"]*? from )?"([^"]+)"[^;\n]*;\n/gm;

type Import = { readonly from: string; readonly begin: number; readonly end: number };

function importsIn(source: string): readonly Import[] {
  return [...source.matchAll(IMPORT)].map((found) => ({
    from: found[1] ?? "",
    begin: found.index,
    end: found.index + found[0].length,
  }));
}

/** Where a module stands: Node's first, then packages, other folders, the own one. */
function rankOf(from: string): number {
  if (from.startsWith("node:")) return 0;
  if (from.startsWith("../")) return 2;
  return from.startsWith("./") ? 3 : 1;
}

function isBehind(one: string, before: string): boolean {
  const [rank, rankBefore] = [rankOf(one), rankOf(before)];
  return rank === rankBefore ? one.toLowerCase() >= before.toLowerCase() : rank > rankBefore;
}

test("imports are sorted, and a blank line stands before those of our own folders", () => {
  const wrong = globSync("src/**/*.ts", { cwd: ROOT }).flatMap((file) => {
    const source = readFileSync(join(ROOT, file), "utf8");
    return importsIn(source).flatMap(({ from, begin }, at, all) => {
      const before = all[at - 1];
      if (before === undefined) return [];
      const isOwnNext = rankOf(from) >= 2 && rankOf(before.from) < 2;
      const between = source.slice(before.end, begin).replaceAll(/^\s*\/[/*].*\n/gm, "");
      const isRight = isBehind(from, before.from) && between === (isOwnNext ? "\n" : "");
      return isRight ? [] : [`${file}: ${from} behind ${before.from}`];
    });
  });
  assert.deepEqual(wrong, []);
});
