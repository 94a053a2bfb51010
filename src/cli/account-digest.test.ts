/** `sealpost account digest`, as an operator types it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";

import { ADDRESS, PASSWORD } from "../../test/support/cli-mail.ts";
import { openCli } from "../../test/support/cli.ts";

test("a digest is switched on and off for a user, and else is what the installation has", async () => {
  await using cli = await openCli();
  await cli.sealpost(["account", "add", ADDRESS, "--password-stdin"], PASSWORD);
  const command = ["account", "digest", ADDRESS];
  const off = { address: ADDRESS, digest: null, isOn: false };
  assert.deepEqual(await cli.sealpost(command), off);
  const on = { address: ADDRESS, digest: "on", isOn: true };
  assert.deepEqual(await cli.sealpost([...command, "on"]), on);
  assert.deepEqual(await cli.sealpost(command), on);
  assert.match((await cli.attempt(command)).out, /\(own: on\): a mail once a day/);
  assert.deepEqual(await cli.sealpost([...command, "default"]), off);
  const config = await readFile(cli.config, "utf8");
  await writeFile(cli.config, config.replace("[notices]\n", "[notices]\ndigest = true\n"));
  assert.deepEqual(await cli.sealpost(command), { ...off, isOn: true });
  assert.deepEqual(await cli.sealpost([...command, "off"]), { ...off, digest: "off" });
  assert.match((await cli.attempt(command)).out, /\(own: off\): no mail/);
  const { out } = await cli.attempt(["audit", "list", ADDRESS]);
  assert.equal(out.match(/digest\.changed/g)?.length, 3);
  assert.equal((await cli.attempt([...command, "daily"])).code, 2);
  assert.equal((await cli.attempt(["account", "digest", "nobody@alpha.test", "on"])).code, 1);
});
