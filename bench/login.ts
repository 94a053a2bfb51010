/**
 * `npm run bench -- login`: what a login costs in processor time, of all threads and of PostgreSQL's serving processes, on both
 * engines. All kinds take turns in one run. Beside them stand Node's Argon2id with the same parameters, and scrypt with as much
 * memory. Fails when a repeated login takes more than 5 ms of this process, at the median.
 */
import { argon2, randomBytes, scrypt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startPostgres } from "../lab/postgres.ts";
import { Secret } from "../src/base/secret.ts";
import { MINUTE, systemClock } from "../src/base/time.ts";
import { enrol } from "../src/login/enrol.ts";
import { LoginCache } from "../src/login/login-cache.ts";
import { LoginTurns } from "../src/login/login-turns.ts";
import { login, type LoginDeps } from "../src/login/login.ts";
import type { EmailAddress } from "../src/mail/address.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import type { Store, StoreOptions } from "../src/store/store.ts";
import { newServiceRoot } from "../src/vault/service-key.ts";
import { addressOf } from "../test/support/address.ts";
import { fixedServiceKeys } from "../test/support/service-keys.ts";
import { cpuStopwatch } from "../test/support/cpu-time.ts";
import { came } from "../test/support/outcome.ts";
import { openTestStore } from "../test/support/tag-keys.ts";
import { quantile } from "./figures/quantile.ts";
import { cpuClockOf } from "./growth/cpu.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 40);
const WARM_UP = 5;
/** How many repeated logins one measurement takes together: PostgreSQL's time is counted in hundredths of a second. */
const REPEATS = 20;
const BAR_MS = 5;
const NETWORK = "192.0.2.0/24";
const PASSWORD = "the right password";
const ARGON2 = { memory: 64 * 1024, passes: 3, parallelism: 4, tagLength: 32 } as const;
/** 64 MiB, as Argon2id. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 27 } as const;

type Kind = { readonly name: string; readonly times: number; readonly work: () => Promise<void> };

/** Prints a row for each kind; false when the bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-"));
  try {
    await using postgres = await startPostgres();
    const sqlite = { engine: "sqlite", path: join(dir, "sealpost.db") } as const;
    const held = [
      await measure(sqlite),
      await measure({ engine: "postgres", url: await postgres.newDatabase() }),
    ];
    return held.every(Boolean);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measure(place: StoreOptions): Promise<boolean> {
  await using store = await openTestStore(place);
  await migrate(store);
  const deps = depsFor(store);
  using cache = new LoginCache(systemClock, () => 10 * MINUTE);
  const cached = { ...deps, cache };
  const owner = addressOf("anna@alpha.test");
  const wish = { profile: "compat", custody: "unlocks-at-login", address: owner } as const;
  await came(enrol(deps, { ...wish, password: Secret.fromText(PASSWORD) }), "enrolled");
  const kinds: readonly Kind[] = [
    { name: "first login", times: 1, work: async () => logIn(deps, owner, PASSWORD) },
    { name: "repeated login", times: REPEATS, work: async () => logIn(cached, owner, PASSWORD) },
    { name: "wrong password, no entry", times: 1, work: async () => logIn(deps, owner, "wrong") },
    { name: "wrong password, entry", times: 1, work: async () => logIn(cached, owner, "wrong") },
    { name: "Node's Argon2id", times: 1, work: argon2Once },
    { name: "Node's scrypt, 64 MiB", times: 1, work: scryptOnce },
  ];
  const whole = await cpuClockOf(store);
  const figures = kinds.map((kind) => ({ ...kind, own: [] as number[], all: [] as number[] }));
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const { times, work, own, all } of figures) {
      const [begun, ownMs] = [whole(), cpuStopwatch()];
      for (let at = 0; at < times; at += 1) await work();
      if (round < 0) continue;
      own.push(ownMs() / times);
      all.push((whole() - begun) / times);
    }
  }
  console.log(`${store.engine}: ms of processor time, median and p95 of ${ROUNDS}`);
  const heads = ["process", "p95", "with database"].map(right);
  console.log("".padEnd(28) + heads.join(""));
  for (const { name, own, all } of figures) {
    const cells = [quantile(own, 0.5), quantile(own, 0.95), mean(all)].map((ms) => ms.toFixed(2));
    console.log(name.padEnd(28) + cells.map(right).join(""));
  }
  const repeated = quantile(figures.find((one) => one.times === REPEATS)?.own ?? [], 0.5);
  const isHeld = repeated <= BAR_MS;
  console.log(`bar: a repeated login at most ${BAR_MS} ms: ${isHeld ? "held" : "MISSED"}`);
  return isHeld;
}

/** Without limits that so many wrong passwords would reach. */
function depsFor(store: Store): LoginDeps {
  const turns = new LoginTurns(systemClock, async () => Promise.resolve());
  return {
    store,
    clock: systemClock,
    serviceKeys: fixedServiceKeys(newServiceRoot()),
    keyRules: { profile: "compat" },
    loginLimits: { failures: 100_000, failuresPerNetwork: 100_000 },
    turns,
  };
}

async function logIn(deps: LoginDeps, address: EmailAddress, text: string): Promise<void> {
  using password = Secret.fromText(text);
  const result = await login(deps, { address, password, network: NETWORK });
  const expected = text === PASSWORD ? "ok" : "refused";
  if (result.kind !== expected) throw new Error(`the login came to ${result.kind}`);
  if (result.kind === "ok") result.keys[Symbol.dispose]();
}

async function argon2Once(): Promise<void> {
  const given = { message: Buffer.from(PASSWORD), nonce: randomBytes(16) };
  await promisify(argon2)("argon2id", { ...given, ...ARGON2 });
}

async function scryptOnce(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    scrypt(PASSWORD, randomBytes(16), 32, SCRYPT, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function right(cell: string): string {
  return cell.padStart(15);
}
