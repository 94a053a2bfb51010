/**
 * One event of bodies in a folder, in a process that kills itself right after the n-th step (`killed-steps.ts`).
 * `node blob-process.ts JSON`. At the end it prints how many steps there were.
 */
import type { StoreOptions } from "../../src/store/store.ts";
import { BLOB_EVENTS, openIn } from "./blob-events.ts";
import { countSteps } from "./killed-steps.ts";
import { openTestStore } from "./tag-keys.ts";

/** What the process is told. */
export type BlobOrder = {
  readonly event: string;
  readonly database: StoreOptions;
  readonly folder: string;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

const order = JSON.parse(process.argv[2] ?? "") as BlobOrder;
await using store = await openTestStore(order.database);
const world = { store, folder: order.folder };
const event = BLOB_EVENTS[order.event];
if (event === undefined) throw new Error(`no event ${order.event}`);
console.log(await countSteps(order.killAfter, async () => event(world, openIn(world))));
