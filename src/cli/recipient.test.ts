import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openCli, type Cli } from "../../test/support/cli.ts";

let cli: Cli;

before(async () => {
  cli = await openCli();
});

after(async () => {
  await cli[Symbol.asyncDispose]();
});

async function check(address: string): Promise<string> {
  const { code, fingerprint } = await cli.sealpost(["recipient", "check", address]);
  return `${String(code)} ${String(fingerprint)}`;
}

test("a subaddress of ours has the certificate of its address, as our keyserver says; an unknown address has none", async () => {
  await cli.sealpost(["account", "add", "rosa@alpha.test", "--password-stdin"], "secret one\n");
  await cli.sealpost(
    ["account", "alias", "rosa@alpha.test", "add", "info@alpha.test"],
    "secret one\n",
  );
  const rosa = await check("rosa@alpha.test");
  assert.match(rosa, /^LOCAL [0-9A-F]{40}$/);
  assert.equal(await check("rosa+news@alpha.test"), rosa);
  assert.equal(await check("info+news@alpha.test"), await check("info@alpha.test"));
  assert.match(await check("nobody+x@alpha.test"), /^NOKEY /);
});
