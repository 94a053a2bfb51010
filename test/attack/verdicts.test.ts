import { test } from "node:test";
import { proveVerdicts } from "../proofs/verdicts.ts";

test("a thousand changed messages and a thousand nasty headers get no better state than was signed", async (t) => {
  const counts = await proveVerdicts({ mutations: 1000, headers: 1000 });
  t.diagnostic([...counts].map(([state, count]) => `${count} ${state}`).join(", "));
});
