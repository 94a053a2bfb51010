/**
 * Other programs open and close the SQLite file while mail is accepted, as a backup and a curious operator do; then every
 * process of Sealpost is killed (SIGKILL). What was answered 250 is there after each kill, and in the backup what was
 * answered 250 before it.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { runOk, sealpost } from "../../lab/run.ts";
import {
  deliverTo,
  makeLoneServer,
  readersTags,
  type LoneServer,
  type Serving,
} from "../support/lone-server.ts";

/** One process for both roles; a process for each; and the latter while commands of Sealpost's open and close the file. */
export const LAYOUTS = ["one process", "two processes", "second command"] as const;
export type Layout = (typeof LAYOUTS)[number];

export type ForeignReadersReport = {
  readonly layout: Layout;
  readonly rounds: number;
  readonly accepted: number;
};

export async function proveForeignReaders(
  layout: Layout,
  rounds: number,
): Promise<ForeignReadersReport> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-readers-"));
  try {
    const file = join(dir, "sealpost.db");
    const server = await makeLoneServer(dir, { engine: "sqlite", path: file });
    const accepted: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      await oneRound({ layout, server, file, dir, accepted, round });
      assert.deepEqual(await missing(server, file, accepted), [], `lost in round ${String(round)}`);
    }
    return { layout, rounds, accepted: accepted.length };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Round = {
  readonly layout: Layout;
  readonly server: LoneServer;
  readonly file: string;
  readonly dir: string;
  readonly accepted: string[];
  readonly round: number;
};

async function oneRound(o: Round): Promise<void> {
  const { server, file, accepted, round } = o;
  await using started = new AsyncDisposableStack();
  const begin = async (role: Parameters<LoneServer["serve"]>[0]): Promise<Serving> => {
    const serving = await server.serve(role);
    started.defer(async () => serving.process.kill());
    return serving;
  };
  const gateway = await begin(o.layout === "one process" ? "all" : "gateway");
  if (o.layout !== "one process") await begin("keyserver");
  const send = async (name: string): Promise<void> => {
    const id = `${String(round)}.${name}@readers.test`;
    assert.match(await deliverTo(gateway.place("lmtp"), `<${id}>`), /^250 /);
    accepted.push(id);
  };
  const wal = statSync(`${file}-wal`, { bigint: true }).ino;
  await send("before");
  await readAsOthers(o);
  await send("between");
  const commands =
    o.layout === "second command" ? sealpost(server.config, ["account", "list"]) : undefined;
  await backUp(o);
  await commands;
  assert(await holdsLock(gateway.process.pid, file), "the gateway has no lock on its database");
  assert.equal(statSync(`${file}-wal`, { bigint: true }).ino, wal, "the log was removed");
  await send("after");
}

/** Each opens the file, reads, and closes it. */
async function readAsOthers({ layout, server, file }: Round): Promise<void> {
  await runOk("sqlite3", [file, "select count(*) from spool"]);
  const text = `const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(process.argv[1]);
    database.prepare("select count(*) from spool").get();
    database.close();`;
  await runOk(process.execPath, ["-e", text, file]);
  if (layout === "second command") await sealpost(server.config, ["account", "list"]);
}

async function backUp({ server, file, dir, accepted }: Round): Promise<void> {
  const copy = join(dir, "copy.db");
  const before = [...accepted];
  await runOk("sqlite3", [file, `.backup ${copy}`]);
  assert.deepEqual(await missing(server, copy, before), [], "not in the backup");
  await rm(copy);
}

async function missing(
  server: LoneServer,
  file: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const tags = await readersTags(server, ids);
  using database = new DatabaseSync(file, { readOnly: true });
  const rows = database.prepare("select name from mailbox_messages").all();
  const kept = new Set(rows.map((row) => row["name"]));
  return ids.filter((_id, at) => !kept.has(tags[at] ?? null));
}

/** As the system sees it (proc(5)): `2: POSIX  ADVISORY  READ 4711 fd:00:1234 1073741826 1073742335`. */
async function holdsLock(pid: number, file: string): Promise<boolean> {
  const { ino } = statSync(file);
  const line = new RegExp(`POSIX\\s+ADVISORY\\s+READ\\s+${String(pid)}\\s+\\S+:${String(ino)}\\s`);
  return line.test(await readFile("/proc/locks", "utf8"));
}
