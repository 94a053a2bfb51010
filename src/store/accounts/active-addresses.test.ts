import assert from "node:assert/strict";
import { test } from "node:test";

import { publishKey } from "../../../test/support/test-keyserver.ts";
import { formatAddress } from "../../mail/address.ts";
import { migrate } from "../engine/migrate.ts";
import { openStore } from "../store.ts";
import { activeAddresses } from "./active-addresses.ts";

test("addresses with an active certificate come in order, whatever the size of a page", async () => {
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  for (const text of ["Carl@alpha.test", "ada@alpha.test", "bob@beta.test", "ben@alpha.test"]) {
    await publishKey(store, text);
  }
  await publishKey(store, "gone@alpha.test", { isRevoked: true });
  await publishKey(store, "sub@sub.alpha.test");
  for (const pageSize of [1, 2, 3, 100]) {
    const found = await Array.fromAsync(activeAddresses(store, "alpha.test", pageSize));
    assert.deepEqual(found.map(formatAddress), [
      "ada@alpha.test",
      "ben@alpha.test",
      "Carl@alpha.test",
    ]);
  }
});
