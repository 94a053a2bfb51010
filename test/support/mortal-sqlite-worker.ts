/** The thread of a SQLite file, with statements that end it. */
import { parentPort } from "node:worker_threads";
import type { ToThread } from "../../src/store/engine/sqlite-thread.ts";

/** Ends the thread instead of an answer. */
export const DIE = "select 'die'";
/** Has the next commit done, and the thread end instead of its answer. */
export const DIE_AT_COMMIT = "select 'die at commit'";

if (parentPort !== null) {
  const port = parentPort;
  let isLast = false;
  port.on("message", (told: ToThread) => {
    if (told === "close") return;
    if (told.sql === DIE) process.exit(1);
    if (told.sql === DIE_AT_COMMIT) isLast = true;
    if (told.sql !== "commit" || !isLast) return;
    // The commit is done next, and what says so is lost.
    port.postMessage = () => {
      process.exit(1);
    };
  });
  await import("../../src/store/engine/sqlite-worker.ts");
}
