import assert from "node:assert/strict";
import { test } from "node:test";
import { proveMutants } from "./mutants.ts";

/** About fifteen mutants; `npm run proof -- mutants` tries all. */
const SHARE = 0.0065;

test("of some small faults in what decides verdicts and clear text, tests notice 95 %", async (t) => {
  const scores = await proveMutants({ share: SHARE });
  const made = scores.reduce((sum, score) => sum + score.made, 0);
  const unexplained = scores.flatMap((score) => score.unexplained);
  t.diagnostic(`${made - unexplained.length} of ${made} noticed or explained`);
  assert(made >= 5, "too few faults were made to say anything");
  assert(unexplained.length <= 0.05 * made, unexplained.join("\n"));
});
