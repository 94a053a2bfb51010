import { type Judgement, fail, ok, warn } from "./finding.ts";

const MEBIBYTE = 1024 * 1024;
/** Minimum room below which `/readyz` of the gateway answers 503 as well. */
const MIN_ROOM_BYTES = 100 * MEBIBYTE;
const LITTLE_ROOM_BYTES = 1024 * MEBIBYTE;

/** What the room on a disk comes to; `what` is on it: "the database". */
export function judgeRoomOf(roomBytes: number, what: string): Judgement {
  const text = `${Math.floor(roomBytes / MEBIBYTE)} MiB are left on the disk of ${what}`;
  const todo = `Make room on that disk, or move ${what} to a larger one.`;
  if (roomBytes < MIN_ROOM_BYTES) return fail(`only ${text}`, todo);
  return roomBytes < LITTLE_ROOM_BYTES ? warn(`only ${text}`, todo) : ok(text);
}
