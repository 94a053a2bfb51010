import assert from "node:assert/strict";
import { test } from "node:test";
import { mutantsOf } from "./mutate-source.ts";

function changed(source: string): readonly string[] {
  return mutantsOf(source).map(
    ({ start, end, text }) => source.slice(0, start) + text + source.slice(end),
  );
}

test("comparisons, conditions, booleans, numbers and words are changed, types and texts are not", () => {
  assert.deepEqual(changed("const a: 1 | 2 = b < 3 ? c : d;"), [
    "const a: 1 | 2 = false ? c : d;",
    "const a: 1 | 2 = b <= 3 ? c : d;",
    "const a: 1 | 2 = b >= 3 ? c : d;",
    "const a: 1 | 2 = b < 4 ? c : d;",
  ]);
  assert.deepEqual(changed('if (!ok(x)) return no("why");'.replace("return", "throw")), [
    'if (true) throw no("why");',
    'if (false) throw no("why");',
    'if (ok(x)) throw no("why");',
  ]);
  assert.deepEqual(changed('const is = a.some((one) => one === "x-y") && true;'), [
    'const is = a.some((one) => one === "x-y") || true;',
    'const is = a.every((one) => one === "x-y") && true;',
    'const is = a.some((one) => one !== "x-y") && true;',
    'const is = a.some((one) => one === "mutated") && true;',
    'const is = a.some((one) => one === "x-y") && false;',
  ]);
});
