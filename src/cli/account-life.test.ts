/** What an operator does to the names of accounts that have no keys here. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { openCli } from "../../test/support/cli.ts";

test("an account without a key here gets another name, and keeps the one before as an alias", async () => {
  await using cli = await openCli();
  const [old, name, stdin] = ["hal@alpha.test", "hank@alpha.test", "--password-stdin"];
  await cli.sealpost(["account", "add", old, "--custody", "device", stdin], "secret one\n");
  await cli.sealpost(["account", "add", "ivy@alpha.test", stdin], "secret one\n");
  const taken = await cli.attempt(
    ["account", "rename", old, "ivy@alpha.test", stdin],
    "secret one\n",
  );
  assert.equal(taken.code, 1);
  const wrong = await cli.attempt(["account", "rename", old, name, stdin], "secret two\n");
  assert.match(wrong.err, /not the password of hal@alpha\.test/);
  await cli.sealpost(["account", "rename", old, name, stdin], "secret one\n");
  const shown = await cli.sealpost(["account", "show", name]);
  assert.deepEqual([shown["custody"], shown["fingerprint"]], ["user-device-only", null]);
  const { aliases } = await cli.sealpost(["account", "alias", name]);
  assert.deepEqual(aliases, [old]);
  const reset = await cli.attempt(["account", "reset", name, stdin], "secret two\n");
  assert.match(reset.out, /its key is on a device of its owner/);
  assert.equal((await cli.attempt(["audit", "verify"])).code, 0);
});
