import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { now } from "../../../test/support/published.ts";
import { canonicalAddress } from "../../mail/address.ts";
import { eraseTrace } from "./erase-trace.ts";
import { insertTraces, selectTrace } from "./trace.ts";

const PIECES = ["a@b.test", "A@B.Test", "@", ".", "-", " ", "_", "x", "+", "é", "<", ">", "/", "1"];
/** Neither side makes it the end or the beginning of another address. */
const NAMES_IT = /(?<![\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-])a@b\.test(?![\p{L}\p{N}-]|\.[\p{L}\p{N}])/iu;

for (const { engine, open } of engines()) {
  test(`${engine}: an erasure finds an address in every text that names it, and in no other`, async () => {
    await using store = await open();
    const row = { at: now, direction: "out", step: "plan", expiresAt: now } as const;
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }), async (pieces) => {
        const detail = JSON.stringify({ text: pieces.join("") });
        count += 1;
        const messageId = `<${String(count)}@x>`;
        await insertTraces(store, [{ ...row, detail, messageId }]);
        await eraseTrace(store, [canonicalAddress(addressOf("a@b.test"))]);
        const isThere = (await selectTrace(store, messageId)).length === 1;
        assert.equal(isThere, !NAMES_IT.test(detail), detail);
      }),
      { numRuns: 300 },
    );
  });

  test(`${engine}: an erasure finds an address with a quoted local part, too`, async () => {
    await using store = await open();
    const quoted = addressOf('"a b"@b.test');
    const row = { at: now, direction: "out", step: "plan", expiresAt: now, messageId: "" } as const;
    await insertTraces(store, [{ ...row, detail: JSON.stringify({ to: '"a b"@b.test' }) }]);
    await eraseTrace(store, [canonicalAddress(addressOf("b@b.test")), canonicalAddress(quoted)]);
    assert.deepEqual(await selectTrace(store, ""), []);
  });
}
