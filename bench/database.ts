/**
 * `npm run bench -- database`: SQLite in the event loop and in threads, side by side in one run. What small mail costs, how
 * long mail of 35 MB and long lists hold the loop, and another process that has the file locked. The last row is what serves;
 * its bars: no turn over 50 ms, and the loop has no more work with a small message than when it does all of it.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newOctets } from "../src/base/large-octets.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import type { Store } from "../src/store/store.ts";
import { haveAccounts } from "../test/support/accounts.ts";
import { lockElsewhere } from "./database/lock.ts";
import { longestTurn } from "./database/pauses.ts";
import { VARIANTS } from "./database/variants.ts";
import { deliverMessage, LARGE_OCTETS, listed, readBack, READER } from "./database/work.ts";

const BAR_MS = 50;
/** A tenth more than that is noise. */
const BAR_COST = 1.1;
/** The order of the variants changes from round to round, so that none is always at a good moment. */
const ROUNDS = 5;
const SMALL_A_ROUND = 200;
const SMALL_OCTETS = 20_000;
const LOCKED_MS = 3000;

type Place = { readonly name: string; readonly path: string; readonly store: Store };
type Figures = Record<string, number[]>;

/** Prints the figures of each variant; false when what serves misses a bar. */
export async function run(): Promise<boolean> {
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-database-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const places: Place[] = [];
  for (const [index, { name, open }] of VARIANTS.entries()) {
    const path = join(dir, String(index), "sealpost.db");
    await mkdir(join(dir, String(index)));
    const store = ends.use(await open(path));
    await migrate(store);
    await haveAccounts(store, READER);
    await deliverMessage(store, randomBytes(SMALL_OCTETS));
    places.push({ name, path, store });
  }
  const all = new Map(places.map(({ name }) => [name, {} as Figures]));
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = [
      ...places.slice(round % places.length),
      ...places.slice(0, round % places.length),
    ];
    for (const place of order) await measure(place, all.get(place.name) ?? {});
  }
  return report(all);
}

async function measure({ path, store }: Place, figures: Figures): Promise<void> {
  const add = (name: string, value: number): void => {
    (figures[name] ??= []).push(value);
  };
  const small = randomBytes(SMALL_OCTETS);
  const [all, loop, start] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
  for (let at = 0; at < SMALL_A_ROUND; at += 1) await deliverMessage(store, small);
  add("small ms", (performance.now() - start) / SMALL_A_ROUND);
  add("all CPU ms", msOf(process.cpuUsage(all)) / SMALL_A_ROUND);
  add("loop CPU ms", msOf(process.threadCpuUsage(loop)) / SMALL_A_ROUND);

  const large = newOctets(LARGE_OCTETS).fill(0x41);
  let id = "";
  const before = performance.now();
  const storing = await longestTurn(async () => {
    id = await deliverMessage(store, large);
  });
  add("35 MB ms", performance.now() - before);
  add("stored, turn", storing.cpuMs);
  add("read, turn", (await longestTurn(async () => readBack(store, id))).cpuMs);
  add("listed, turn", (await longestTurn(async () => listed(store))).cpuMs);

  const { unlocked } = await lockElsewhere(path, LOCKED_MS);
  let readMs = 0;
  const waiting = await longestTurn(async () => {
    const writing = deliverMessage(store, small);
    await sleep(LOCKED_MS / 6);
    const from = performance.now();
    await listed(store);
    readMs = performance.now() - from;
    await writing;
  });
  await unlocked;
  add("locked, turn", waiting.wallMs);
  add("locked, a read", readMs);
}

function msOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

const COLUMNS = [
  ["small ms", "median"],
  ["all CPU ms", "median"],
  ["loop CPU ms", "median"],
  ["35 MB ms", "median"],
  ["stored, turn", "most"],
  ["read, turn", "most"],
  ["listed, turn", "most"],
  ["locked, turn", "median"],
  ["locked, a read", "median"],
] as const;

function report(all: ReadonlyMap<string, Figures>): boolean {
  console.log("".padEnd(NAME) + COLUMNS.map(([name]) => name.padStart(WIDTH)).join(""));
  for (const [name, figures] of all) {
    const cells = COLUMNS.map(([column]) => figure(figures, column).toFixed(2).padStart(WIDTH));
    console.log(name.padEnd(NAME) + cells.join(""));
  }
  const [loop] = all.values();
  const served = [...all.values()].at(-1);
  if (loop === undefined || served === undefined) return false;
  const turn = Math.max(
    ...["stored, turn", "read, turn", "listed, turn", "locked, turn"].map((name) =>
      figure(served, name),
    ),
  );
  const cost = figure(served, "loop CPU ms") / figure(loop, "loop CPU ms");
  const isHeld = turn <= BAR_MS && cost <= BAR_COST;
  console.log(
    `what serves: the longest turn ${turn.toFixed(0)} ms (bar ${String(BAR_MS)}), the loop's work with small mail ${cost.toFixed(2)} times (bar ${String(BAR_COST)}): ${isHeld ? "held" : "MISSED"}`,
  );
  return isHeld;
}

const NAME = 38;
const WIDTH = 16;

/** The median of the rounds, or what a bar is about: the most. */
function figure(figures: Figures, name: string): number {
  const sorted = (figures[name] ?? []).toSorted((a, b) => a - b);
  const isMost = COLUMNS.some(([column, what]) => column === name && what === "most");
  return sorted.at(isMost ? -1 : sorted.length >> 1) ?? 0;
}
