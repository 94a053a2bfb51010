import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { putTogether, takeApartAt } from "./apart.ts";

test("a message in pieces cut anywhere is taken apart and put together again", async () => {
  const cuts = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.nat(), fc.nat(), async (pieces, one, other) => {
      const message = Buffer.concat(pieces);
      const ends = [one, other].map((each) => each % (message.length + 1));
      const [start, end] = [Math.min(...ends), Math.max(...ends)];
      const { around, sealed } = takeApartAt(pieces, { start, end });
      const ciphertext = Buffer.concat(sealed);
      assert.deepEqual(ciphertext, message.subarray(start, end));
      assert.deepEqual(Buffer.from(await putTogether({ around, ciphertext })), message);
    }),
  );
});
