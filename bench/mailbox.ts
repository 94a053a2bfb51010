/**
 * `npm run bench -- mailbox`: what lists, searches and deliveries cost in a mailbox of 50,000 messages of 27 KB, on both
 * engines, in processor time of this process and of the database's. With `SIZES=2000,50000` other numbers of messages, with
 * `ENGINES=sqlite` only one engine. The bars are for 50,000 messages; a delivery may cost half more than with 50.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { sql } from "kysely";

import { startPostgres } from "../lab/postgres.ts";
import { garbageCollector } from "../src/base/garbage.ts";
import type { Mailbox, MailQuery } from "../src/mailbox/mailbox.ts";
import { standardFolder } from "../src/mailbox/mailbox.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import type { Engine, StoreOptions } from "../src/store/store.ts";
import { summaryMail } from "../test/contract/mailbox-world.ts";
import { embeddedMailbox, type EmbeddedMailbox } from "../test/support/embedded-mailbox.ts";
import { openTestStore } from "../test/support/tag-keys.ts";
import { cpuClockOf, type CpuClock } from "./growth/cpu.ts";
import { haveMail, wordAt } from "./mailbox/mail.ts";

const SIZES = [50_000];
const ENGINES: readonly Engine[] = ["sqlite", "postgres"];
/** With how many messages a delivery is compared. */
const FEW = 50;
const DELIVERIES = 40;
const DELIVERY_BAR = 1.5;
const MEMORY_BAR_MB = 60;
/** How long one measurement goes on, and how often at least. */
const MEASURED_MS = 1500;
const TIMES_AT_LEAST = 5;
const PAGE = 50;
const MB = 1_000_000;
const inbox = standardFolder("inbox");

/** Prints a table for each engine; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const sizes = process.env["SIZES"]?.split(",").map(Number) ?? SIZES;
  const engines = process.env["ENGINES"]?.split(",") ?? ENGINES;
  let isHeld = true;
  for (const engine of ENGINES.filter((one) => engines.includes(one))) {
    for (const size of sizes) isHeld = (await measureAt(engine, size)) && isHeld;
  }
  return isHeld;
}

async function measureAt(engine: Engine, size: number): Promise<boolean> {
  await using ends = new AsyncDisposableStack();
  const store = ends.use(await openTestStore(await placeOf(engine, ends)));
  await migrate(store);
  const made = await embeddedMailbox(store);
  const cpu = await cpuClockOf(store);
  await haveMail(made, 1, FEW + 1);
  const before = await deliveries(made, cpu);
  const [begun, start] = [cpu(), performance.now()];
  await haveMail(made, FEW + DELIVERIES + 1, size + 1);
  const seconds = (ms: number): string => (ms / 1000).toFixed(0);
  console.log(`${engine}, ${size.toLocaleString("en")} messages, made in`);
  console.log(`${seconds(performance.now() - start)} s (${seconds(cpu() - begun)} s CPU)`);
  if (engine === "postgres") await sql`vacuum analyze`.execute(store.db);
  const isHeld = await measureAll(made, cpu);
  const ratio = (await deliveries(made, cpu)) / before;
  const isCheap = report("a delivery, to one of 50", ratio, DELIVERY_BAR, "times");
  return isHeld && isCheap;
}

async function placeOf(engine: Engine, ends: AsyncDisposableStack): Promise<StoreOptions> {
  if (engine === "postgres")
    return { engine, url: await ends.use(await startPostgres()).newDatabase() };
  const dir = await mkdtemp(join(tmpdir(), "sealpost-mailbox-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  return { engine, path: join(dir, "sealpost.db") };
}

/** The processor time of one delivery to the closed mailbox. */
async function deliveries({ openClosed }: EmbeddedMailbox, cpu: CpuClock): Promise<number> {
  const mail = summaryMail("delivered", { text: "x".repeat(27_000) });
  const mailbox = openClosed();
  await mailbox.append(mail);
  const begun = cpu();
  for (let count = 1; count < DELIVERIES; count += 1) await mailbox.append(mail);
  return (cpu() - begun) / (DELIVERIES - 1);
}

async function measureAll(made: EmbeddedMailbox, cpu: CpuClock): Promise<boolean> {
  const isHeld: boolean[] = [];
  const measure = async (what: string, barMs: number, once: () => Promise<unknown>) => {
    isHeld.push(report(what, await measured(cpu, once), barMs, "ms"));
  };
  const unopened = await held();
  const mailbox = made.open();
  const { next } = await mailbox.list(inbox, { limit: PAGE });
  await measure("first page", 30, async () => mailbox.list(inbox, { limit: PAGE }));
  await measure("further page", 10, async () => mailbox.list(inbox, { limit: PAGE, after: next }));
  await measure("opening", 300, async () => {
    const opened = made.open();
    await opened.folders();
    await opened.list(inbox, { limit: PAGE });
    await search(opened, { subject: "own77" });
  });
  for (const [how, word] of WORDS) {
    await measure(`subject, ${how}`, 50, async () => search(mailbox, { subject: word }));
    await measure(`text, ${how}`, 200, async () => search(mailbox, { text: word }));
    await measure(`anywhere, ${how}`, 200, async () => search(mailbox, { anywhere: word }));
  }
  const { entries } = await search(mailbox, { subject: "own77" });
  const [first] = entries;
  if (first !== undefined) await measure("thread", 200, async () => mailbox.thread(first.id));
  isHeld.push(report("memory held, open", ((await held()) - unopened) / MB, MEMORY_BAR_MB, "MB"));
  return isHeld.every(Boolean);
}

const WORDS = [
  ["rare word", wordAt(40_000)],
  ["frequent word", wordAt(3)],
  ["two words", `${wordAt(3)} ${wordAt(1000)}`],
  ["two letters", wordAt(100).slice(0, 2)],
  ["nothing", "zzzz"],
] as const;

async function search(mailbox: Mailbox, query: MailQuery) {
  const found = await mailbox.search(query, { limit: PAGE });
  if (found.kind === "closed") throw new Error("the mailbox is closed");
  return found;
}

/** Octets that this process holds when its garbage is collected. */
async function held(): Promise<number> {
  const collectGarbage = garbageCollector();
  // The memory of buffers is given back behind the collection.
  for (let time = 0; time < 4; time += 1) {
    collectGarbage();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measured(cpu: CpuClock, once: () => Promise<unknown>): Promise<number> {
  await once();
  let times = 0;
  const [begun, start] = [cpu(), performance.now()];
  while (times < TIMES_AT_LEAST || performance.now() - start < MEASURED_MS) {
    await once();
    times += 1;
  }
  return (cpu() - begun) / times;
}

function report(what: string, value: number, bar: number, unit: string): boolean {
  const isHeld = value <= bar;
  const text = `${value.toFixed(2).padStart(10)} ${unit.padEnd(5)} (bar ${String(bar)})`;
  console.log(`  ${what.padEnd(28)}${text}${isHeld ? "" : "  MISSED"}`);
  return isHeld;
}
