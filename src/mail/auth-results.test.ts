import assert from "node:assert/strict";
import { test } from "node:test";

import { stripResultHeaders } from "./auth-results.ts";
import { parseHeader } from "./header.ts";

function kept(line: string): boolean {
  const { header } = parseHeader(Buffer.from(`${line}\r\n\r\n`));
  return stripResultHeaders(header, ["mx.alpha.test"]).length === 1;
}

test("our result fields and everything that a reader could take for them are removed", () => {
  for (const line of [
    "E2E-Status: v=1",
    "e2e-status: v=1",
    "E2E-Status : v=1",
    "E2E-Status\t: v=1",
    "E2E_Status: v=1",
    "E2E Status: v=1",
    "E2EStatus: v=1",
    "X-E2E-Status: v=1",
    "E2E–Status: v=1",
    "Е2Е-Ѕtаtus: v=1",
    "Ｅ2Ｅ-Status: v=1",
    "X-Sealpost-E2E-Status: v=1",
    "E2E-Status:\r\n v=1",
    "E2E-Receipt: v=1",
    "e2e_receipt : v=1",
    "X-E2E-Receipt: v=1",
    "E2E–Receipt: v=1",
    "Е2Е-Rесеірt: v=1",
    "E2E-Ʀeceipt: v=1",
    "X-Sealpost-E2E-Receipt:\r\n v=1",
    "ꓰ2ꓰ-ꓣꓰꓚꓰꓲꓑꓔ: v=1",
    "Ꭼ2Ꭼ-ᎡᎬᏟᎬІᏢᎢ: v=1",
    "EƧE-Receipt: v=1",
    `E2E-Receipt${"\u00a0".repeat(300)}: v=1`,
  ]) {
    assert.equal(kept(line), false, line);
  }
  for (const line of [
    "Subject: E2E-Status: v=1",
    "Status: RO",
    "E2E-Status-Page: x",
    "X-2: y",
    "Receipt: x",
    "Grüße ohne Doppelpunkt",
    "no field at all: x",
    "Disposition-Notification-To: a@b.test",
  ]) {
    assert.equal(kept(line), true, line);
  }
});

test("authentication results are removed only where they claim our own name", () => {
  for (const line of [
    "Authentication-Results: mx.alpha.test; dkim=pass",
    "authentication-results: MX.ALPHA.test.; dkim=pass",
    "Authentication-Results: (x) mx.alpha.test 1; dkim=pass",
    'Authentication-Results: "mx.alpha.test"; dkim=pass',
    "Authentication-Results:\r\n mx.alpha.test; none",
    "Authentication-Results: ((x) y) mx.alpha.test; dkim=pass",
    "Authentication-Results: (a \\) b) mx.alpha.test; dkim=pass",
    'Authentication-Results: "mx\\.alpha.test"; dkim=pass',
  ]) {
    assert.equal(kept(line), false, line);
  }
  assert.equal(kept("Authentication-Results: mx.beta.test; dkim=pass"), true);
  assert.equal(kept("Authentication-Results: mx.alpha.test.evil.test; dkim=pass"), true);
});
