/**
 * Look-ups by address beside nginx, which serves the same octets as files: TLS 1.3, connections kept open, other
 * addresses all the time, in turn in one run. What counts is requests per second of processor time of the serving
 * process: that depends least on how much of the machine the load takes. Figures are medians of several rounds.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import pg from "pg";

import { makePki, type IssuedCertificate } from "../lab/pki.ts";
import { startPostgres } from "../lab/postgres.ts";
import { systemClock } from "../src/base/time.ts";
import { parseAddress } from "../src/mail/address.ts";
import { generateKey } from "../src/openpgp/keys/generate.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import { openStore } from "../src/store/store.ts";
import { ask } from "../test/support/test-keyserver.ts";
import {
  startKeyserverProcess,
  type KeyserverProcess,
} from "../test/support/start-keyserver-process.ts";
import { median } from "./figures/quantile.ts";
import { measure, type Measured, type Target } from "./keyserver/load.ts";
import { startNginx } from "./keyserver/nginx.ts";

const FEW = 100_000;
const MANY = 1_000_000;
const ROUNDS = 5;
const SECONDS = 3;
/** Long enough to touch every page of the database once. */
const WARM_SECONDS = 8;
/** Of nginx's requests per second of processor time, and of those with few certificates. */
const BAR = { ofNginx: 0.5, withMany: 0.9 };

/** Prints a table; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-bench-"));
  await using opened = new AsyncDisposableStack();
  opened.defer(async () => rm(dir, { recursive: true, force: true }));
  const pki = await makePki(join(dir, "pki"));
  const tls = await pki.issue(["keys.alpha.test"]);
  const certificate = await certificateBytes();
  const few = opened.use(await sqliteKeyserver({ dir, tls, certificate, count: FEW }));
  const many = opened.use(await sqliteKeyserver({ dir, tls, certificate, count: MANY }));
  const postgres = await postgresKeyserver(opened, { dir, tls, certificate, count: FEW });
  const body = (await ask(few, pki, "/pks/lookup?op=get&search=user0@alpha.test")).body;
  const nginx = opened.use(await startNginx({ dir: join(dir, "nginx"), tls, body, count: FEW }));
  const hkp = "/pks/lookup?op=get&options=mr&search=user%d@alpha.test";
  const targets: readonly Target[] = [
    { name: "nginx, a file each", server: nginx, path: "/keys/%d.asc", count: FEW },
    { name: "nginx, one file", server: nginx, path: "/keys/0.asc?%d", count: FEW },
    { name: "SQLite, 100,000", server: few, path: hkp, count: FEW },
    { name: "SQLite, 1,000,000", server: many, path: hkp, count: MANY },
    { name: "PostgreSQL, 100,000", server: postgres, path: hkp, count: FEW },
  ];
  const rounds: Measured[][] = targets.map(() => []);
  // The first round warms everything up and does not count.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [at, target] of targets.entries()) {
      const measured = await measure(target, dir, round === 0 ? WARM_SECONDS : SECONDS);
      if (round > 0) rounds[at]?.push(measured);
    }
  }
  return report(targets, rounds);
}

function report(targets: readonly Target[], rounds: readonly (readonly Measured[])[]): boolean {
  const perCpuSecond = rounds.map((of) => median(of.map((one) => one.perCpuSecond)));
  const [files = [], oneFile = [], few = [], many = []] = rounds;
  console.log(`${String(ROUNDS)} rounds; look-ups by address, HTTPS, 32 connections`);
  for (const [at, { name }] of targets.entries()) {
    const of = rounds[at] ?? [];
    const columns = [
      name.padEnd(22),
      `${String(Math.round(perCpuSecond[at] ?? 0)).padStart(7)} requests/CPU s`,
      `${String(Math.round(median(of.map((one) => one.perSecond)))).padStart(7)} requests/s`,
      `p99 ${median(of.map((one) => one.p99Ms)).toFixed(2)} ms`,
    ];
    console.log(columns.join("  "));
  }
  const ofNginx = ratio(few, files);
  const withMany = ratio(many, few);
  const ofOne = ratio(few, oneFile).toFixed(2);
  console.log(`of nginx with one file for all: ${ofOne}, for comparison only`);
  console.log(verdict("SQLite, 100,000, of nginx", ofNginx, BAR.ofNginx));
  console.log(verdict("1,000,000 of 100,000 certificates", withMany, BAR.withMany));
  return ofNginx >= BAR.ofNginx && withMany >= BAR.withMany;
}

/** The median of the rounds, each with its neighbour: what else the machine does concerns both. */
function ratio(of: readonly Measured[], by: readonly Measured[]): number {
  return median(of.map((one, at) => one.perCpuSecond / (by[at]?.perCpuSecond ?? Number.NaN)));
}

function verdict(what: string, got: number, bar: number): string {
  const word = got >= bar ? "held" : "MISSED";
  return `bar: ${what}: ${got.toFixed(2)}, at least ${String(bar)}: ${word}`;
}

async function certificateBytes(): Promise<Uint8Array> {
  const address = parseAddress("user0@alpha.test");
  if (address === undefined) throw new Error("not an address");
  const { certificate } = await generateKey({ address, profile: "compat", now: systemClock.now() });
  return certificate.bytes;
}

type Filled = {
  readonly dir: string;
  readonly tls: IssuedCertificate;
  /** The same octets under every address. */
  readonly certificate: Uint8Array;
  readonly count: number;
};

const COLUMNS =
  "fingerprint, address, mailbox, version, state, bytes, created_at, expires_at, revoked_at, wkd";

/** A row for each number; the names of the directory need only be different ones here. */
function rowFor(number: number): readonly [fingerprint: string, address: string, wkd: string] {
  const hex = randomBytes(20).toString("hex").toUpperCase();
  return [hex, `user${String(number)}@alpha.test`, `${hex.slice(8)}@alpha.test`];
}

async function sqliteKeyserver(filled: Filled): Promise<KeyserverProcess> {
  const { dir, tls, certificate, count } = filled;
  const path = join(dir, `${String(count)}.db`);
  const store = await openStore({ engine: "sqlite", path });
  await migrate(store);
  const database = new DatabaseSync(path);
  database.exec("pragma foreign_keys = off; pragma synchronous = off; begin");
  const insert = database.prepare(
    `insert into published_certificates (${COLUMNS}) values (?, ?, ?, 4, 'active', ?, 1, 0, 0, ?)`,
  );
  for (let number = 0; number < count; number += 1) {
    const [fingerprint, address, wkd] = rowFor(number);
    insert.run(fingerprint, address, address, certificate, wkd);
  }
  database.exec("commit; pragma wal_checkpoint(truncate)");
  database.close();
  const name = `sqlite-${String(count)}`;
  const running = await startKeyserverProcess({ dir, name, tls, database: { path } });
  return {
    ...running,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function postgresKeyserver(
  opened: AsyncDisposableStack,
  { dir, tls, certificate, count }: Filled,
): Promise<KeyserverProcess> {
  const postgres = opened.use(await startPostgres());
  const url = await postgres.newDatabase();
  await using store = await openStore({ engine: "postgres", url });
  await migrate(store);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("set session_replication_role = replica");
  const rows = Array.from({ length: count }, (_, number) => rowFor(number));
  await client.query(
    `insert into published_certificates (${COLUMNS})
     select f, a, a, 4, 'active', $4, 1, 0, 0, w from unnest($1::text[], $2::text[], $3::text[]) as r (f, a, w)`,
    [
      rows.map(([f]) => f),
      rows.map(([, a]) => a),
      rows.map(([, , w]) => w),
      Buffer.from(certificate),
    ],
  );
  await client.query("analyze");
  await client.end();
  const database = { engine: "postgres", url };
  return opened.use(await startKeyserverProcess({ dir, name: "postgres", tls, database }));
}
