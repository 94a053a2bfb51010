/**
 * `npm run bench -- enrol`: how long a login takes, alone and while a thousand accounts get their keys. The keys are made
 * in the same process, and in another one on the same SQLite file. The backfill makes its configured number a minute in
 * one go; here each such batch follows the one before without a pause, so that every login meets it, which at the
 * configured rate few do.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openServiceKeys } from "../src/app/service-key-file.ts";
import { Secret } from "../src/base/secret.ts";
import { SECOND, systemClock } from "../src/base/time.ts";
import { backfill } from "../src/keys/backfill.ts";
import { newServiceRoot } from "../src/vault/service-key.ts";
import { enrol } from "../src/login/enrol.ts";
import { login, type LoginDeps } from "../src/login/login.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import { holdAuditKeys } from "../src/vault/tag-keys.ts";
import { openStore, type StoreOptions } from "../src/store/store.ts";
import type { BackfillOrder } from "./enrol/backfill-process.ts";
import { quantile } from "./figures/quantile.ts";
import { addressOf } from "../test/support/address.ts";
import { came } from "../test/support/outcome.ts";

const ACCOUNTS = 1000;
/** `keys.backfill_per_minute`, as it is if nobody says otherwise. */
const BATCH = 60;
const ALONE_MS = 12 * SECOND;
const WARM_UP = 5;
/** A login at p95 may take so many times as long as alone. */
const BAR = 1.5;
const PROGRAM = join(import.meta.dirname, "enrol/backfill-process.ts");
const user = addressOf("login@alpha.test");
const password = (): Secret => Secret.fromText("the right password");

/** Prints the three rows; false when the bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-"));
  try {
    const keyFile = join(dir, "service.key");
    using root = newServiceRoot();
    await writeFile(keyFile, root.reveal(), { mode: 0o600 });
    const database: StoreOptions = { engine: "sqlite", path: join(dir, "sealpost.db") };
    await using store = await openStore(database);
    await migrate(store);
    using serviceKeys = openServiceKeys(keyFile);
    holdAuditKeys(store, serviceKeys, false);
    const deps = {
      store,
      serviceKeys,
      clock: systemClock,
      keyRules: { profile: "compat" },
    } as const;
    const wish = { ...deps.keyRules, ...atLogin, address: user, password: password() };
    await came(enrol(deps, wish), "enrolled");
    return await compare(deps, { database, keyFile, batch: BATCH });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const atLogin = { custody: "unlocks-at-login" } as const;

async function compare(deps: LoginDeps, order: BackfillOrder): Promise<boolean> {
  for (let at = 0; at < WARM_UP; at += 1) await timedLogin(deps);
  await addAccounts(deps, "same");
  // Alone before and after each, so that a machine that slows down on its way blames nobody.
  const alone = await loginsFor(deps, ALONE_MS);
  const same = await loginsDuring(deps, async () => () => backfillHere(deps));
  alone.push(...(await loginsFor(deps, ALONE_MS)));
  await addAccounts(deps, "other");
  const other = await loginsDuring(deps, async () => backfillElsewhere(order));
  alone.push(...(await loginsFor(deps, ALONE_MS)));
  console.log(`a login with the right password, ms; ${ACCOUNTS} accounts, batches of ${BATCH}`);
  console.log("".padEnd(36) + ["logins", "p50", "p95", "p95 ratio"].map(right).join(""));
  print("alone", alone, alone);
  const ratios = [
    print("backfill in the same process", same.times, alone),
    print("backfill in another process", other.times, alone),
  ];
  const perBatch = ((same.tookMs / ACCOUNTS) * BATCH) / SECOND;
  console.log(
    `${ACCOUNTS} keys took ${(same.tookMs / SECOND).toFixed(1)} s in the same process, ` +
      `${(other.tookMs / SECOND).toFixed(1)} s in the other; ` +
      `a batch ${perBatch.toFixed(1)} s of each minute`,
  );
  const isHeld = ratios.every((ratio) => ratio <= BAR);
  console.log(`bar: p95 at most ${BAR} times that alone: ${isHeld ? "held" : "MISSED"}`);
  return isHeld;
}

async function addAccounts(deps: LoginDeps, name: string): Promise<void> {
  for (let at = 0; at < ACCOUNTS; at += 1) {
    const address = addressOf(`${name}${at}@alpha.test`);
    const wish = { ...deps.keyRules, ...atLogin, address, key: "later" } as const;
    await came(enrol(deps, wish), "enrolled");
  }
}

async function backfillHere(deps: LoginDeps): Promise<void> {
  for (;;) if ((await backfill(deps, deps.keyRules, BATCH)) === 0) return;
}

/** What it takes to start the process is not counted. */
async function backfillElsewhere(order: BackfillOrder): Promise<() => Promise<void>> {
  const child = fork(PROGRAM, [JSON.stringify(order)]);
  const exit = once(child, "exit");
  await Promise.race([once(child, "message"), exit]);
  return async () => {
    child.send("go");
    const [code] = (await exit) as readonly unknown[];
    if (code !== 0) throw new Error(`the backfill ended with ${String(code)}`);
  };
}

/** Logs in again and again while something is done, which is prepared first. */
async function loginsDuring(
  deps: LoginDeps,
  prepare: () => Promise<() => Promise<void>>,
): Promise<{ readonly times: readonly number[]; readonly tookMs: number }> {
  const times: number[] = [];
  const work = { isDone: false };
  const begin = await prepare();
  const start = performance.now();
  const ended = begin().finally(() => {
    work.isDone = true;
  });
  while (!work.isDone) times.push(await timedLogin(deps));
  await ended;
  return { times, tookMs: performance.now() - start };
}

async function loginsFor(deps: LoginDeps, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const until = performance.now() + forMs;
  while (performance.now() < until) times.push(await timedLogin(deps));
  return times;
}

async function timedLogin(deps: LoginDeps): Promise<number> {
  const start = performance.now();
  using secret = password();
  const result = await login(deps, { address: user, password: secret, network: "192.0.2.0/24" });
  if (result.kind !== "ok" || result.isLocked) throw new Error("the login failed");
  result.keys[Symbol.dispose]();
  return performance.now() - start;
}

function print(name: string, times: readonly number[], alone: readonly number[]): number {
  const ratio = quantile(times, 0.95) / quantile(alone, 0.95);
  const p50 = quantile(times, 0.5).toFixed(1);
  const p95 = quantile(times, 0.95).toFixed(1);
  console.log(
    name.padEnd(36) + [String(times.length), p50, p95, ratio.toFixed(2)].map(right).join(""),
  );
  return ratio;
}

function right(cell: string): string {
  return cell.padStart(12);
}
