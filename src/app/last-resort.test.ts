import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { run } from "../../lab/run.ts";

const MODULE = join(import.meta.dirname, "last-resort.ts");

for (const [what, code] of Object.entries({
  uncaughtException: `new EventEmitter().emit("error", new Error("broken"))`,
  unhandledRejection: `Promise.reject(new Error("broken"))`,
})) {
  test(`what nobody hears (${what}) is one JSON line in the log, and the process ends`, async () => {
    const program = `import { EventEmitter } from "node:events";
      import { endOnUnheard } from ${JSON.stringify(MODULE)};
      endOnUnheard();
      setInterval(() => undefined, 1000);
      ${code};`;
    const ended = await run(process.execPath, ["--input-type=module", "-e", program]);
    assert.equal(ended.code, 70, ended.stderr);
    const line = JSON.parse(ended.stdout.toString()) as Record<string, unknown>;
    assert.deepEqual(
      [line["level"], line["where"], line["error"], line["msg"]],
      [60, what, "broken", "ended"],
    );
  });
}
