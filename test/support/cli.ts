/** The command line as an operator types it, in a folder of its own with a fresh configuration, database and service key. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";

import { runCli } from "../../src/cli/cli.ts";

export type Answer = { readonly code: number; readonly out: string; readonly err: string };

export type Cli = {
  readonly dir: string;
  /** The configuration file. */
  readonly config: string;
  /** Runs a command, whatever comes of it. */
  readonly attempt: (args: readonly string[], input?: string) => Promise<Answer>;
  /** Runs one that must succeed, with `--json`. */
  readonly sealpost: (args: readonly string[], input?: string) => Promise<Record<string, unknown>>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** An installation that serves alpha.test. */
export async function openCli(): Promise<Cli> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-cli-"));
  const config = join(dir, "sealpost.toml");
  const attempt: Cli["attempt"] = async (args, input = "") => {
    let [out, err] = ["", ""];
    const code = await runCli([...args, "--config", config], {
      input: Readable.from([Buffer.from(input)]),
      write: (text) => {
        out += Buffer.from(text).toString();
      },
      complain: (text) => {
        err += text;
      },
    });
    return { code, out, err };
  };
  const sealpost: Cli["sealpost"] = async (args, input) => {
    const { code, out, err } = await attempt([...args, "--json"], input);
    assert.equal(code, 0, `${args.join(" ")}: ${err}`);
    return JSON.parse(out) as Record<string, unknown>;
  };
  await sealpost(["init", "--domain", "alpha.test"]);
  return {
    dir,
    config,
    attempt,
    sealpost,
    [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }),
  };
}
