/**
 * `npm run bench -- gateway`: what a message costs a gateway process, as it really runs: listener, look-ups, pool, database with
 * its commits, next hop. Figures are processor time of all threads of that process, for mail of 20 KB.
 *
 * `BESIDE=/path/to/another/checkout` starts the gateway of that checkout too. Both take turns, round by round, so that a load
 * on the machine strikes both. `ROUNDS=`, `MESSAGES=` and `WARM_UP=` make the run shorter or longer.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sealpostCommand } from "../lab/run.ts";
import { median } from "./figures/quantile.ts";
import { LANES, type LaneName } from "./gateway/lanes.ts";
import { type MeasuredGateway, startMeasured } from "./gateway/measured.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const MESSAGES = Number(process.env["MESSAGES"] ?? 60);
/** V8 compiles what runs often: a process that has worked for a minute takes a third of the time of a new one. */
const WARM_UP = Number(process.env["WARM_UP"] ?? 600);

type Figures = Readonly<Record<LaneName, number>>;

const NAMES = (process.env["LANES"]?.split(",") ?? Object.keys(LANES)) as readonly LaneName[];

/** Prints milliseconds a message; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-gateway-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const gateways = [ends.use(await startMeasured(join(dir, "here"), sealpostCommand))];
  const { BESIDE } = process.env;
  if (BESIDE !== undefined) {
    gateways.push(ends.use(await startMeasured(join(dir, "beside"), join(BESIDE, "bin/sealpost"))));
  }
  const [here, beside] = await measure(gateways);
  if (here === undefined) throw new Error("nothing was measured");
  for (const name of NAMES) {
    const ms = [here, beside].map((figures) => figures?.[name].toFixed(2) ?? "-");
    console.log(`${LANE_TEXTS[name].padEnd(45)} ${ms.join(" ms, beside ")} ms`);
  }
  return judged(here, beside);
}

const LANE_TEXTS: Readonly<Record<LaneName, string>> = {
  off: "submission, policy off",
  sealed: "submission, sealed",
  clear: "delivery in clear, encrypted at rest",
  opened: "delivery of sealed mail, opened and judged",
};

/** All take turns after a warm-up of each. Of each, the median of milliseconds a message. */
async function measure(gateways: readonly MeasuredGateway[]): Promise<readonly Figures[]> {
  const taken = gateways.map(() => ({ off: [], sealed: [], clear: [], opened: [] }) as Taken);
  for (let round = 0; round <= ROUNDS; round += 1) {
    const count = round === 0 ? WARM_UP : MESSAGES;
    for (const name of NAMES) {
      for (const [at, gateway] of gateways.entries()) {
        const ms = await LANES[name](gateway, count);
        if (round > 0) taken[at]?.[name].push(ms / count);
      }
    }
  }
  return taken.map(({ off, sealed, clear, opened }) => ({
    off: median(off),
    sealed: median(sealed),
    clear: median(clear),
    opened: median(opened),
  }));
}

type Taken = Readonly<Record<LaneName, number[]>>;

function judged(here: Figures, beside: Figures | undefined): boolean {
  const bars: readonly (readonly [what: string, ratio: number, max: number])[] = [
    ["sealing by submission with policy off", here.sealed / here.off, 2],
    ...(beside === undefined
      ? []
      : ([
          ["submission with policy off by that beside", here.off / beside.off, 1 / 3],
          ["delivery with opening by that beside", here.opened / beside.opened, 1 / 2],
        ] as const)),
  ];
  for (const [what, ratio, max] of bars) {
    const verdict = ratio <= max ? "held" : "MISSED";
    console.log(`bar: ${what}: ${ratio.toFixed(2)}, at most ${max.toFixed(2)}: ${verdict}`);
  }
  return bars.every(([, ratio, max]) => ratio <= max);
}
