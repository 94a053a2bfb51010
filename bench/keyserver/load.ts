import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { runOk } from "../../lab/run.ts";
import { processorMs } from "../figures/processor-time.ts";

/** What is measured: `%d` in the path stands for a number below `count`. */
export type Target = {
  readonly name: string;
  readonly server: { readonly host: string; readonly port: number; readonly pid: number };
  readonly path: string;
  readonly count: number;
};

export type Measured = {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p99Ms: number;
};

const CONNECTIONS = 32;

/** One round of `wrk`, with the processor time that the server took for it. @throws Error when an answer was not 200. */
export async function measure(target: Target, dir: string, seconds: number): Promise<Measured> {
  const { host, port, pid } = target.server;
  const script = join(dir, "load.lua");
  await writeFile(script, lua(target));
  const before = await processorMs(pid);
  const { stdout } = await runOk("wrk", [
    "--latency",
    "--threads=1",
    `--connections=${String(CONNECTIONS)}`,
    `--duration=${String(seconds)}s`,
    `--script=${script}`,
    `https://${host}:${String(port)}`,
  ]);
  const tookMs = (await processorMs(pid)) - before;
  const text = stdout.toString();
  if (/Non-2xx|Socket errors/.test(text)) throw new Error(`${target.name}: ${text}`);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
  const [, p99 = "", unit = ""] = /99%\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]),
    perCpuSecond: (requests / tookMs) * 1000,
    p99Ms: Number(p99) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN),
  };
}

function lua({ path, count }: Target): string {
  return [
    "math.randomseed(os.time())",
    `local most = ${String(count - 1)}`,
    "request = function()",
    `  return wrk.format("GET", string.format(${JSON.stringify(path)}, math.random(0, most)))`,
    "end",
    "",
  ].join("\n");
}
