import type { Store } from "../store/store.ts";
import { type Judgement, fail, ok, warn } from "./finding.ts";

const MEBIBYTE = 1024 * 1024;
/** Minimum room below which `/readyz` of the gateway answers 503 as well. */
const MIN_ROOM_BYTES = 100 * MEBIBYTE;
const LITTLE_ROOM_BYTES = 1024 * MEBIBYTE;

/** Whether what is answered 250 stays: how the server commits, where the write-ahead log goes, the room on the disk. */
export async function judgeDurability(store: Store): Promise<readonly Judgement[]> {
  return [...(await judgeCommits(store)), ...judgeLog(store), ...judgeRoom(store)];
}

async function judgeCommits(store: Store): Promise<readonly Judgement[]> {
  const settings = await store.durabilitySettings();
  if (settings === undefined) return [];
  const { synchronousCommit } = settings;
  if (synchronousCommit !== "off") return [ok(`synchronous_commit is ${synchronousCommit}`)];
  return [
    fail(
      "synchronous_commit is off: mail that was accepted is lost when the database server fails",
      "Set synchronous_commit = on in postgresql.conf, or: ALTER ROLE ROLE SET synchronous_commit = on",
    ),
  ];
}

function judgeLog(store: Store): readonly Judgement[] {
  const lost = store.processesThatLostIt();
  if (lost.length === 0) return [];
  return [
    fail(
      `process ${lost.join(", ")} writes to a file that was removed or replaced: what it accepted is lost when it ends`,
      "Stop every program that uses the database, Sealpost last, and start Sealpost again. See docs/operate/backup.md.",
    ),
  ];
}

function judgeRoom(store: Store): readonly Judgement[] {
  const room = store.roomBytes();
  if (room === undefined) return [];
  const text = `${Math.floor(room / MEBIBYTE)} MiB are left on the disk of the database`;
  const todo = "Make room on that disk, or move the database to a larger one.";
  if (room < MIN_ROOM_BYTES) return [fail(`only ${text}`, todo)];
  return room < LITTLE_ROOM_BYTES ? [warn(`only ${text}`, todo)] : [ok(text)];
}
