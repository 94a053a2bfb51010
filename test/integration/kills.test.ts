import assert from "node:assert/strict";
import { test } from "node:test";
import { proveKills } from "../proofs/kills.ts";

for (const engine of ["sqlite", "postgres"] as const) {
  test(`${engine}: no accepted mail is lost when gateways are killed`, async (t) => {
    const { accepted, kills, duplicates } = await proveKills(6, engine);
    assert(accepted >= kills / 2, `only ${String(accepted)} accepted`);
    t.diagnostic(
      `${String(accepted)} accepted, ${String(kills)} kills, ${String(duplicates)} twice`,
    );
  });
}
