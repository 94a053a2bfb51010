import { test } from "node:test";
import { proveMutations } from "../proofs/mutations.ts";

test("ten thousand broken inputs crash nothing, block nothing for a second and fool nobody", async (t) => {
  const slowestMs = await proveMutations(10_000);
  t.diagnostic(`the slowest of 10,000 took ${slowestMs.toFixed(1)} ms`);
});
