/**
 * `npm run bench -- outgoing`: what a submitted message of 20 KB costs until the next hop has it, in processor time: sealed and
 * with policy `off`, by 1 to 200 clients at once; by two processes on one PostgreSQL database; and what a Postfix takes that
 * gives each message to a script with GnuPG. The next hop is Postfix's `smtp-sink`. `MESSAGES=` and `CLIENTS=1,10` shorten it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { startPostgres } from "../lab/postgres.ts";
import { READER } from "../test/support/lone-server.ts";
import { RawSmtp } from "../test/support/raw-smtp.ts";
import { costOf } from "./figures/at-rest.ts";
import { processorMsOfTree } from "./figures/process-tree.ts";
import { processorMs } from "./figures/processor-time.ts";
import { median } from "./figures/quantile.ts";
import { CARELESS } from "./gateway/careless.ts";
import { startCSink, type CSink } from "./outgoing/c-sink.ts";
import { type Gateways, startGateways } from "./outgoing/gateways.ts";
import { startGpgFilter } from "./outgoing/gpg-filter.ts";
import { submitAll } from "./outgoing/load.ts";

const MESSAGES = Number(process.env["MESSAGES"] ?? 300);
const CLIENTS = (process.env["CLIENTS"] ?? "1,10,50,200").split(",").map(Number);
/** V8 compiles what runs often. */
const WARM_UP = 2 * MESSAGES;
const ROUNDS = 3;
const GPG_MESSAGES = 40;
/** How many clients the two processes and the filter have. */
const SOME_CLIENTS = 10;

/** Prints milliseconds a message; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-outgoing-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const sink = ends.use(await startCSink(dir));
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const off: number[] = [];
  const sealed: number[] = [];
  {
    await using gateways = await startGateways(join(dir, "sqlite"), {
      database,
      processes: 1,
      hop: sink.place,
    });
    for (const from of [CARELESS, READER]) await measured(gateways, from, SOME_CLIENTS, WARM_UP);
    for (const clients of CLIENTS) {
      const [without, with_] = await inTurns(gateways, clients);
      off.push(without);
      sealed.push(with_);
      line(`${String(clients)} clients, policy off`, without);
      line(`${String(clients)} clients, sealed`, with_);
    }
  }
  const gpg = await filterMs(sink);
  line("Postfix with a script that calls gpg", gpg);
  line("smtp-sink itself", await sinkMs(sink));
  const { alone, apart, together } = await onPostgres(dir, sink);
  line("one process on PostgreSQL, sealed", alone);
  line("two on one database", together);
  line("two at the same time, each with its own database", apart);
  return [
    bar("sealed by off, the worst number of clients", worst(sealed, off), 2),
    bar("sealed by gpg, the worst number of clients", Math.max(...sealed) / gpg, 1 / 10),
    bar("two on one database by one alone", together / alone, 1.1),
    bar("two on one database by two apart", together / apart, 1.1),
  ].every((isHeld) => isHeld);
}

/** Rounds with policy `off` and sealed ones take turns; of each the median. */
async function inTurns(
  gateways: Gateways,
  clients: number,
): Promise<readonly [off: number, sealed: number]> {
  const [off, sealed]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    off.push(await measured(gateways, CARELESS, clients, MESSAGES));
    sealed.push(await measured(gateways, READER, clients, MESSAGES));
  }
  return [median(off), median(sealed)];
}

async function measured(
  gateways: Gateways,
  from: string,
  count: number,
  messages: number,
): Promise<number> {
  await using logged = await gateways.logIn(from, count);
  const work = { count: messages, from, to: READER };
  const ms = await gateways.costOf(async () => submitAll(logged.clients, work));
  return ms / messages;
}

async function filterMs({ place }: CSink): Promise<number> {
  await using postfix = await startGpgFilter(place, READER);
  const sent = async (): Promise<number> =>
    (await postfix.log()).match(/relay=gpg, .* status=sent/g)?.length ?? 0;
  const through = async (count: number): Promise<void> => {
    const all = (await sent()) + count;
    await submitTo(postfix.place, count);
    while ((await sent()) < all) await sleep(100);
  };
  await through(SOME_CLIENTS);
  const spent = async (): Promise<number> => processorMsOfTree(postfix.pid);
  return (await costOf(spent, async () => through(GPG_MESSAGES))) / GPG_MESSAGES;
}

async function sinkMs({ place, pid }: CSink): Promise<number> {
  const spent = async (): Promise<number> => processorMs(pid);
  return (await costOf(spent, async () => submitTo(place, MESSAGES))) / MESSAGES;
}

async function submitTo(place: CSink["place"], count: number): Promise<void> {
  await using client = await RawSmtp.connect(place);
  await client.ask("EHLO laptop.home");
  await submitAll([client], { count, from: READER, to: READER });
}

/** What a message costs one process, two that share a database, and two that share nothing but the machine. */
type OnPostgres = { readonly alone: number; readonly together: number; readonly apart: number };

/**
 * All take turns. A message costs more while the machine does other work beside it, so that two processes are measured beside
 * two that share nothing as well.
 */
async function onPostgres(dir: string, { place: hop }: CSink): Promise<OnPostgres> {
  await using ends = new AsyncDisposableStack();
  const postgres = ends.use(await startPostgres());
  const installation = async (name: string, processes: number): Promise<Gateways> => {
    const database = { engine: "postgres", url: await postgres.newDatabase() };
    const gateways = ends.use(await startGateways(join(dir, name), { database, processes, hop }));
    await measured(gateways, READER, SOME_CLIENTS, processes * WARM_UP);
    return gateways;
  };
  const one = await installation("one", 1);
  const other = await installation("other", 1);
  const two = await installation("two", 2);
  const taken: Record<keyof OnPostgres, number[]> = { alone: [], together: [], apart: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    taken.alone.push(await measured(one, READER, SOME_CLIENTS, MESSAGES));
    taken.together.push(await measured(two, READER, 2 * SOME_CLIENTS, 2 * MESSAGES));
    const both = [one, other].map(async (gateways) =>
      measured(gateways, READER, SOME_CLIENTS, MESSAGES),
    );
    const [first, second] = await Promise.all(both);
    taken.apart.push(((first ?? 0) + (second ?? 0)) / 2);
  }
  return {
    alone: median(taken.alone),
    together: median(taken.together),
    apart: median(taken.apart),
  };
}

function worst(sealed: readonly number[], off: readonly number[]): number {
  return Math.max(...sealed.map((ms, at) => ms / (off[at] ?? Number.NaN)));
}

function line(what: string, ms: number): void {
  console.log(`${what.padEnd(45)} ${ms.toFixed(2)} ms`);
}

function bar(what: string, ratio: number, max: number): boolean {
  const isHeld = ratio <= max;
  const verdict = isHeld ? "held" : "MISSED";
  console.log(`bar: ${what}: ${ratio.toFixed(2)}, at most ${max.toFixed(2)}: ${verdict}`);
  return isHeld;
}
