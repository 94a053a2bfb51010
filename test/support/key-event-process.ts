/**
 * One event in the life of keys, in a process that kills itself right after the n-th step (`killed-steps.ts`).
 * `node key-event-process.ts JSON`. At the end it prints how many steps there were.
 */
import type { StoreOptions } from "../../src/store/store.ts";
import { openTestStore } from "./tag-keys.ts";
import { eventDeps, KEY_EVENTS } from "./key-events.ts";
import { countSteps } from "./killed-steps.ts";

/** What the process is told. */
export type KeyEventOrder = {
  readonly event: string;
  readonly database: StoreOptions;
  readonly keyFile: string;
  readonly code: string;
  /** To end what was interrupted. */
  readonly isResume: boolean;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

const order = JSON.parse(process.argv[2] ?? "") as KeyEventOrder;
await using store = await openTestStore(order.database);
using deps = eventDeps(store, order.keyFile);
const event = KEY_EVENTS[order.event];
if (event === undefined) throw new Error(`no event ${order.event}`);
const work = order.isResume ? (event.resume ?? event.run) : event.run;
console.log(await countSteps(order.killAfter, async () => work(deps, order.code)));
