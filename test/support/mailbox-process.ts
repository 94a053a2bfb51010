/**
 * One event of a mailbox, in a process that kills itself right after the n-th step (`killed-steps.ts`).
 * `node mailbox-process.ts JSON`. At the end it prints how many steps there were.
 */
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Place } from "./key-event-places.ts";
import { countSteps } from "./killed-steps.ts";
import { MAILBOX_EVENTS, sceneAt } from "./mailbox-events.ts";
import { openTestStore } from "./tag-keys.ts";

/** What the process is told. */
export type MailboxOrder = {
  readonly event: string;
  readonly place: Place;
  readonly bodies: BlobPlace;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

const order = JSON.parse(process.argv[2] ?? "") as MailboxOrder;
await using store = await openTestStore(order.place.database);
const scene = await sceneAt(order.place, store, order.bodies);
const event = MAILBOX_EVENTS[order.event];
if (event === undefined) throw new Error(`no event ${order.event}`);
console.log(await countSteps(order.killAfter, async () => event(scene)));
