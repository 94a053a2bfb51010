/** `npm run bench` and `npm run proof` start nothing that was not named. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { chosen } from "./support/chosen.ts";

const ROOT = join(import.meta.dirname, "..");
const TABLE = { one: { what: "the first" }, other: { what: "the second" } };

function choice(given: readonly string[]) {
  const lines: string[] = [];
  const names = chosen("npm run bench", TABLE, given, (line) => lines.push(line));
  return { names, said: lines.join("\n") };
}

test("what is named is run, all of it at the word all, and nothing without a name", () => {
  assert.deepEqual(choice(["other"]), { names: ["other"], said: "" });
  assert.deepEqual(choice(["other", "one"]).names, ["one", "other"]);
  assert.deepEqual(choice(["all"]).names, ["one", "other"]);
  const none = choice([]);
  assert.equal(none.names, undefined);
  assert.match(none.said, /^ {2}one {4}the first\n {2}other {2}the second\nRun one .*-- all$/);
  const unknown = choice(["one", "third"]);
  assert.equal(unknown.names, undefined);
  assert.match(unknown.said, /^There is no third\. There is:\n {2}one/);
});

/** What a program prints without a name, which is no success: it has measured and proved nothing. */
async function listed(program: string): Promise<readonly string[]> {
  const run = promisify(execFile)(process.execPath, [join(ROOT, program)]);
  const { code, stdout } = (await run.catch((error: unknown) => error)) as {
    readonly code?: number;
    readonly stdout: string;
  };
  assert.equal(code, 2);
  return [...stdout.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = ""]) => name);
}

test("without a name the measurements are listed, all that there are, and the README has them", async () => {
  const files = readdirSync(join(ROOT, "bench"))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "bench.ts")
    .map((file) => basename(file, ".ts"))
    .toSorted();
  assert.deepEqual(await listed("bench/bench.ts"), files);
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, table = ""] = /\n\| `npm run bench --` \| measures \|\n(.*?)\n\n/s.exec(readme) ?? [];
  const named = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name);
  assert.deepEqual(named, files);
});

test("without a name the proofs are listed", async () => {
  const names = await listed("test/proof.ts");
  assert.deepEqual(names.includes("kills") && names.includes("verdicts"), true);
});
