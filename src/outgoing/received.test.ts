import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MESSAGE, makePeople, send, textOf } from "../../test/support/submission.ts";

before(makePeople);

test("what leaves has a Received field of ours that names neither the client nor who logged in", async () => {
  const clientField = "Received: from [192.0.2.7] by x.test; Mon, 23 Nov 2026 10:00:00 +0000\n";
  for (const to of ["bob@beta.test", "carol@none.test"]) {
    const { relayed } = await send(`${clientField}${MESSAGE}`, [to]);
    const [first = ""] = textOf(relayed).split("\r\nReceived:");
    assert.match(first, /^Received: by mail\.alpha\.test with ESMTPSA;\s+\w{3}, \d\d \w{3} \d{4} /);
    const ours = first.slice(0, first.indexOf("+0000"));
    assert.doesNotMatch(ours, /alice|\[|from/);
  }
});
