/** The alarm on released revocations as an operator meets it: configured, raised by commands, logged by the gateway, ended. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { openCli, type Cli } from "../../test/support/cli.ts";
import { startEvents } from "../app/events.ts";
import { openVault } from "../app/open-vault.ts";
import { watchReleases } from "../app/release-watch.ts";
import { loadConfig } from "../config/config.ts";

let cli: Cli;
const attempt: Cli["attempt"] = async (args, input) => cli.attempt(args, input);

before(async () => {
  cli = await openCli();
  const text = await readFile(cli.config, "utf8");
  const changed = text
    .replace("#alarm_per_hour = 20", "alarm_per_hour = 1")
    .replace("#stop_per_day = 500", "stop_per_day = 3");
  await writeFile(cli.config, changed);
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    await attempt(["account", "add", `${name}@alpha.test`, stdin], "secret\n");
  }
});
after(async () => {
  await cli[Symbol.asyncDispose]();
});

const stdin = "--password-stdin";

/** The lines that a gateway logs now, having just begun. */
async function logged(): Promise<readonly Record<string, unknown>[]> {
  const lines: string[] = [];
  await using vault = await openVault(await loadConfig(cli.config));
  const events = startEvents("error", { write: (line) => lines.push(line) });
  const watch = watchReleases({ store: vault.store, events });
  await watch.run();
  const first = lines.length;
  await watch.run();
  assert.equal(lines.length, first, "each alarm is logged once");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("commands raise the alarm, the gateway logs it, and releases stop until an operator says go on", async () => {
  const quiet = await attempt(["key", "revoke", "a@alpha.test"]);
  assert.deepEqual([quiet.code, quiet.err], [0, ""], quiet.err);
  assert.equal((await attempt(["key", "revocations"])).code, 0);
  assert.deepEqual(await logged(), []);

  const loud = await attempt(["account", "remove", "b@alpha.test"]);
  assert.equal(loud.code, 0);
  assert.match(loud.err, /ALARM: 2 generic revocations were released within an hour/);
  const [alarm, ...others] = await logged();
  assert.deepEqual(others, []);
  assert.deepEqual(
    [alarm?.["level"], alarm?.["msg"], alarm?.["within"], alarm?.["released"], alarm?.["limit"]],
    [50, "revocation.alarm", "hour", 2, 1],
  );

  assert.equal((await attempt(["key", "revoke", "c@alpha.test"])).code, 0);
  for (const args of [
    ["key", "revoke", "d@alpha.test"],
    ["account", "remove", "d@alpha.test"],
  ]) {
    const stopped = await attempt(args);
    assert.equal(stopped.code, 1);
    assert.match(stopped.err, /is stopped.*sealpost key revocations --go-on/);
  }
  assert.deepEqual(
    (await logged()).map(({ msg }) => msg),
    ["revocation.alarm", "revocation.stopped"],
  );

  // Nothing was done to that key, and its owner ends it himself.
  assert.match((await attempt(["key", "show", "d@alpha.test"])).out, /state +active/);
  assert.equal((await attempt(["key", "revoke", "d@alpha.test", stdin], "secret\n")).code, 0);

  const standing = await attempt(["key", "revocations"]);
  assert.equal(standing.code, 1);
  assert.match(
    standing.out,
    /within an hour: 3 \(alarm beyond 1\)[^]*ALARM since[^]*STOPPED since/,
  );
  assert.equal((await attempt(["key", "revocations", "--go-on"])).code, 0);
  assert.equal((await attempt(["key", "revoke", "e@alpha.test"])).code, 0);
  assert.deepEqual(await logged(), []);
});
