/** A process that takes a task and never ends it: `task-process.ts NAME STORE-OPTIONS`. It says `begun` to its parent. */
import { HOUR, systemClock } from "../../src/base/time.ts";
import { runOnce } from "../../src/jobs/tasks.ts";
import { openStore, type StoreOptions } from "../../src/store/store.ts";

const [, , name = "", options = ""] = process.argv;
const store = await openStore(JSON.parse(options) as StoreOptions);
const run = async () => {
  process.send?.("begun");
  await new Promise(() => undefined);
};
await runOnce({ store, clock: systemClock }, { name, everyMs: HOUR, run });
