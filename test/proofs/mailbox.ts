/**
 * Processes are killed (SIGKILL) right after each step of what happens to a mailbox whose bodies are in the database or in a
 * folder. Nothing is lost, nothing is there twice, and the index is right or is made again.
 */
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Engine } from "../../src/store/store.ts";
import { killEvents, type KilledEvent, type Killing } from "../support/killed-events.ts";
import { MAILBOX_EVENTS, makeMailbox, requireWholeMailbox } from "../support/mailbox-events.ts";
import type { MailboxOrder } from "../support/mailbox-process.ts";

/** Kills after the steps that `chosen` picks of all, in the named events. */
export async function proveMailbox(
  engine: Engine,
  bodies: BlobPlace,
  names: readonly string[] = Object.keys(MAILBOX_EVENTS),
  chosen?: Killing["chosen"],
): Promise<readonly KilledEvent[]> {
  return killEvents(engine, {
    names,
    chosen,
    make: async (place) => makeMailbox(place, bodies),
    program: "mailbox-process.ts",
    orderOf: (place, event, killAfter): MailboxOrder => ({ event, place, bodies, killAfter }),
    look: async (place, event) => requireWholeMailbox(place, event, bodies),
  });
}
