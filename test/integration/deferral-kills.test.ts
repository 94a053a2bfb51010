import assert from "node:assert/strict";
import { test } from "node:test";
import { proveDeferral } from "../proofs/deferral.ts";

for (const engine of ["sqlite", "postgres"] as const) {
  test(`${engine}: no deferred mail is lost, or leaves in clear, when gateways are killed`, async (t) => {
    const { accepted, kills, duplicates } = await proveDeferral(4, engine);
    assert(accepted >= kills / 2, `only ${String(accepted)} accepted`);
    t.diagnostic(
      `${String(accepted)} accepted, ${String(kills)} kills, ${String(duplicates)} twice`,
    );
  });
}
