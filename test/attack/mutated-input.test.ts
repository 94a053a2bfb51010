import { test } from "node:test";
import { proveLargeInputs, proveMutations } from "../proofs/mutations.ts";

test("ten thousand broken inputs crash nothing, block nothing for a second and fool nobody", async (t) => {
  const slowestMs = await proveMutations(10_000);
  t.diagnostic(`the slowest of 10,000 took ${slowestMs.toFixed(1)} ms`);
});

test("36 MiB of one structure, whichever, block nothing for a second", (t) => {
  t.diagnostic(`the slowest step took ${proveLargeInputs().toFixed(1)} ms`);
});
