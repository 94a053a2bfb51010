import type { Store } from "../store/store.ts";
import { type Judgement, fail, ok } from "./finding.ts";
import { judgeRoomOf } from "./room.ts";

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
  return room === undefined ? [] : [judgeRoomOf(room, "the database")];
}
