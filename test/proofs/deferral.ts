/**
 * Two gateways share deferred mail in one database, and are killed (SIGKILL) after random steps of accepting, trying and
 * handing on. Every accepted message leaves sealed or bounces, at most one more time for each kill, and never in clear.
 */
import assert from "node:assert/strict";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../../lab/postgres.ts";
import { Secret } from "../../src/base/secret.ts";
import { after, DAY, HOUR, MINUTE } from "../../src/base/time.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import type { Engine, StoreOptions } from "../../src/store/store.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import { fakeClock } from "../support/clock.ts";
import { CANARY } from "../support/deferral-world.ts";
import type { DeferralOrder } from "../support/deferral-process.ts";
import { enrolAlice, old } from "../support/key-life.ts";
import { runToKill } from "../support/kill-runs.ts";
import { seededRandom } from "../support/mutate.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { openTestStore } from "../support/tag-keys.ts";

export type DeferralReport = {
  readonly accepted: number;
  readonly kills: number;
  readonly duplicates: number;
};

/** What a process submits before it tries what waits. */
const EACH_SUBMITS = 3;
/** Somewhat more than the steps of a process that is not killed. */
const MAX_STEPS = 150;
/** Rounds without kills, after which nothing may be left. */
const MAX_LAST_ROUNDS = 30;

/** Kills processes `kills` times after steps drawn from `seed`, two at a time. */
export async function proveDeferral(
  kills: number,
  engine: Engine,
  seed = 7,
): Promise<DeferralReport> {
  await using cleanUp = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-deferral-"));
  cleanUp.defer(async () => rm(dir, { recursive: true, force: true }));
  const database = await databaseOf(engine, dir, cleanUp);
  const [acceptedFile, relayedFile] = [join(dir, "accepted"), join(dir, "relayed")];
  await Promise.all([acceptedFile, relayedFile].map(async (file) => writeFile(file, "")));
  const root = Buffer.from(newServiceRoot().reveal());
  await haveAlice(database, root);
  const random = seededRandom(seed);
  const fixed = { database, root: root.toString("base64"), acceptedFile, relayedFile };
  let now = after(fakeClock().now(), DAY);
  let [killed, names] = [0, 0];
  const round = async (
    orders: readonly Pick<DeferralOrder, "submit" | "killAfter" | "isCertain">[],
  ) => {
    const atMs = now.getTime();
    const runs = orders.map(async (order) =>
      runToKill("deferral-process.ts", { ...fixed, ...order, atMs }),
    );
    killed += (await Promise.all(runs)).filter((steps) => steps === undefined).length;
    // What a killed process held is free again.
    now = after(now, 20 * MINUTE);
  };
  while (killed < kills) {
    const isCertain = random() < 0.5;
    const orders = [0, 1].map(() => {
      names += EACH_SUBMITS;
      const submit = Array.from({ length: EACH_SUBMITS }, (_, at) => `deferred-${names - at}`);
      return { submit, isCertain, killAfter: 1 + Math.floor(random() * MAX_STEPS) };
    });
    await round(orders);
  }
  for (let last = 0; (await left(database)) > 0; last += 1) {
    assert(last < MAX_LAST_ROUNDS, "something waits for ever");
    await round([0, 1].map(() => ({ submit: [], isCertain: true, killAfter: 0 })));
    now = after(now, HOUR);
  }
  const accepted = await linesOf(acceptedFile);
  const relayed = (await linesOf(relayedFile)).map((line) => JSON.parse(line) as string);
  return { ...check(accepted, relayed, killed), kills: killed };
}

function check(accepted: readonly string[], relayed: readonly string[], kills: number) {
  const counts = new Map<string, number>();
  for (const copy of relayed) {
    assert(!copy.includes(CANARY), "in clear");
    const isBounce = /^Action: failed\r$/m.test(copy);
    assert(isBounce || copy.includes("-----BEGIN PGP MESSAGE-----"), copy);
    const [, name = ""] = /<(deferred-\d+)@/.exec(copy) ?? [];
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const lost = accepted.filter((name) => !counts.has(name));
  assert.deepEqual(lost, [], "accepted, and lost");
  const duplicates = relayed.length - counts.size;
  assert(duplicates <= kills, `${duplicates} duplicates after ${kills} kills`);
  return { accepted: accepted.length, duplicates };
}

async function databaseOf(
  engine: Engine,
  dir: string,
  cleanUp: AsyncDisposableStack,
): Promise<StoreOptions> {
  if (engine === "sqlite") return { engine, path: join(dir, "sealpost.db") };
  const server = cleanUp.use(await startPostgres());
  return { engine, url: await server.newDatabase() };
}

async function haveAlice(database: StoreOptions, root: Uint8Array): Promise<void> {
  await using store = await openTestStore(database);
  await migrate(store);
  const serviceKeys = fixedServiceKeys(new Secret(Buffer.from(root)));
  const deps = { store, clock: fakeClock(), serviceKeys, keyRules: { profile: "compat" } } as const;
  await enrolAlice(deps, { password: old() });
}

/** How many messages and copies still wait. */
async function left(database: StoreOptions): Promise<number> {
  await using store = await openTestStore(database);
  const [deferred, outbox] = await Promise.all([
    store.db.selectFrom("deferred").select("id").execute(),
    store.db.selectFrom("outbox").select("id").execute(),
  ]);
  return deferred.length + outbox.length;
}

async function linesOf(file: string): Promise<readonly string[]> {
  return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
}
