/**
 * `npm run bench -- growth`: what one look-up, login, submission, delivery, rotation and run of each periodic task costs the
 * database with 1,000 to 1,000,000 accounts, on both engines. With `SIZES=1000,100000` only these numbers of accounts, with
 * `ENGINES=sqlite` only one engine. The bar: no more than twice the processor time of the smallest number.
 *
 * Keys and passwords cost the same at every size. An event is therefore done once, and its queries are written down. They
 * are run again in a transaction that is undone; its commit, and what is computed between the queries, is not measured.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sql } from "kysely";

import { startPostgres } from "../lab/postgres.ts";
import { Secret } from "../src/base/secret.ts";
import { systemClock } from "../src/base/time.ts";
import { newServiceRoot } from "../src/vault/service-key.ts";
import { addressOf } from "../test/support/address.ts";
import { fixedServiceKeys } from "../test/support/service-keys.ts";
import { holdAuditKeys } from "../src/vault/tag-keys.ts";
import { canonicalAddress } from "../src/mail/address.ts";
import { purgeCache } from "../src/store/discovery/cache.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import { openPublishedView } from "../src/store/keys/published-view.ts";
import { openStore, type Engine, type Store, type StoreOptions } from "../src/store/store.ts";
import { enrol, idOf } from "../test/support/accounts.ts";
import { haveManyAccounts, manyAddress } from "../test/support/many-rows.ts";
import { cpuClockOf, type CpuClock } from "./growth/cpu.ts";
import { DUE, haveDue, haveStaleDiscoveries } from "./growth/due.ts";
import { arrive, eventsOf, IN_MAILBOX, tasksOf, type User } from "./growth/events.ts";
import { queriesOf, replay } from "./growth/replay.ts";

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const ENGINES: readonly Engine[] = ["sqlite", "postgres"];
const BAR = 2;
/** What costs less is noise. */
const FLOOR_MS = 0.5;
/** How long one measurement goes on, and how often at least. */
const MEASURED_MS = 600;
const TIMES_AT_LEAST = 5;
/** A process of PostgreSQL is measured in hundredths of a second. */
const PURGES = 20;
const LOOKED_UP = 5000;

/** Milliseconds that one event takes. */
type Cost = { readonly cpuMs: number; readonly wallMs: number };
type Costs = ReadonlyMap<string, Cost>;

/** Prints a table for each engine; false when something grows. */
export async function run(): Promise<boolean> {
  const sizes = process.env["SIZES"]?.split(",").map(Number) ?? SIZES;
  const engines = process.env["ENGINES"]?.split(",") ?? ENGINES;
  let isHeld = true;
  for (const engine of ENGINES.filter((one) => engines.includes(one))) {
    const all: Costs[] = [];
    for (const size of sizes) all.push(await measureAt(engine, size));
    isHeld = report(engine, sizes, all) && isHeld;
  }
  return isHeld;
}

async function measureAt(engine: Engine, size: number): Promise<Costs> {
  await using ends = new AsyncDisposableStack();
  const place = await placeOf(engine, ends);
  const store = ends.use(await openStore(place));
  await migrate(store);
  const serviceKeys = fixedServiceKeys(newServiceRoot());
  holdAuditKeys(store, serviceKeys, false);
  const began = performance.now();
  const now = systemClock.now();
  const serviceKey = serviceKeys.current.id;
  // Rows in the order of their IDs, which is none, are made in memory.
  if (engine === "sqlite") await sql`pragma cache_size = -4000000`.execute(store.db);
  await haveManyAccounts(store, size, { now, serviceKey, waiting: DUE });
  await haveDue(store, now);
  if (engine === "sqlite") await sql`pragma cache_size = -2000`.execute(store.db);
  // As the server does by itself a little later.
  else await sql`vacuum analyze`.execute(store.db);
  const deps = { store, serviceKeys, clock: systemClock, keyRules: { profile: "compat" } } as const;
  const user = await haveUser(deps);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`${engine}, ${String(size)} accounts: made in ${seconds} s`);
  return await measureAll(user, place, size);
}

async function placeOf(engine: Engine, ends: AsyncDisposableStack): Promise<StoreOptions> {
  if (engine === "postgres")
    return { engine, url: await ends.use(await startPostgres()).newDatabase() };
  const dir = await mkdtemp(join(tmpdir(), "sealpost-growth-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  return { engine, path: join(dir, "sealpost.db") };
}

async function haveUser(deps: User["deps"]): Promise<User> {
  const address = addressOf("measured@d1.test");
  const password = (): Secret => Secret.fromText("the right password");
  const user = { address, password, deps, account: idOf(address) };
  const custody = "unlocks-at-login";
  await enrol(deps, { address, custody, profile: "compat", password: password() });
  for (let count = 0; count < IN_MAILBOX; count += 1) await arrive(deps.store, user);
  return user;
}

async function measureAll(user: User, place: StoreOptions, size: number): Promise<Costs> {
  const { store } = user.deps;
  const cpu = await cpuClockOf(store);
  const costs = new Map<string, Cost>();
  costs.set("look-up", await lookUps(cpu, place, size));
  for (const { name, run: event } of [...eventsOf(user), ...tasksOf(user)]) {
    const queries = await queriesOf(store, event);
    costs.set(name, await measured(cpu, async () => replay(store, queries)));
  }
  costs.set("purge discoveries", await purges(cpu, store));
  return costs;
}

/** Of addresses all over the table, at the keyserver's own handle. */
async function lookUps(cpu: CpuClock, place: StoreOptions, size: number): Promise<Cost> {
  await using view = openPublishedView(place);
  const addresses = Array.from({ length: LOOKED_UP }, (_, index) =>
    canonicalAddress(addressOf(manyAddress(1 + ((index * 7919) % size)))),
  );
  for (const address of addresses.slice(0, 100)) await view.byAddress(address);
  const [begun, start] = [cpu(), performance.now()];
  for (const address of addresses) {
    if ((await view.byAddress(address)).length !== 1) throw new Error("a look-up found nothing");
  }
  return {
    cpuMs: (cpu() - begun) / LOOKED_UP,
    wallMs: (performance.now() - start) / LOOKED_UP,
  };
}

/** With what makes it physical, which no transaction can undo: each time as much is due. */
async function purges(cpu: CpuClock, store: Store): Promise<Cost> {
  // What was written before is written back to the file only once.
  await purgeCache(store, systemClock.now());
  let [cpuMs, wallMs] = [0, 0];
  for (let time = 0; time < PURGES; time += 1) {
    await haveStaleDiscoveries(store, systemClock.now());
    const [begun, start] = [cpu(), performance.now()];
    await purgeCache(store, systemClock.now());
    cpuMs += cpu() - begun;
    wallMs += performance.now() - start;
  }
  return { cpuMs: cpuMs / PURGES, wallMs: wallMs / PURGES };
}

async function measured(cpu: CpuClock, once: () => Promise<void>): Promise<Cost> {
  await once();
  let times = 0;
  const [begun, start] = [cpu(), performance.now()];
  while (times < TIMES_AT_LEAST || performance.now() - start < MEASURED_MS) {
    await once();
    times += 1;
  }
  return { cpuMs: (cpu() - begun) / times, wallMs: (performance.now() - start) / times };
}

const NAME = 24;
const WIDTH = 18;

function report(engine: Engine, sizes: readonly number[], all: readonly Costs[]): boolean {
  const head = sizes.map((size) => size.toLocaleString("en").padStart(WIDTH)).join("");
  console.log(`${engine.padEnd(NAME)}${head}${"ratio".padStart(WIDTH)}   (CPU / wall, ms)`);
  let isHeld = true;
  for (const name of all[0]?.keys() ?? []) {
    const costs = all.flatMap((one) => one.get(name) ?? []);
    const cells = costs.map(({ cpuMs, wallMs }) =>
      `${cpuMs.toFixed(3)} / ${wallMs.toFixed(3)}`.padStart(WIDTH),
    );
    const ms = costs.map(({ cpuMs }) => Math.max(cpuMs, FLOOR_MS));
    const ratio = (ms.at(-1) ?? 0) / (ms[0] ?? 1);
    isHeld &&= ratio <= BAR;
    const mark = ratio <= BAR ? "" : "  MISSED";
    console.log(`${name.padEnd(NAME)}${cells.join("")}${ratio.toFixed(2).padStart(WIDTH)}${mark}`);
  }
  console.log(`bar: at most ${String(BAR)} times: ${isHeld ? "held" : "MISSED"}`);
  return isHeld;
}
