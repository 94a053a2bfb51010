/**
 * Sends the digests that are due, in a process that kills itself right after the n-th step (`killed-steps.ts`).
 * `node digest-process.ts JSON`. At the end it prints how many steps there were.
 */
import assert from "node:assert/strict";

import { fromUnixMs } from "../../src/base/time.ts";
import { parseDomain } from "../../src/mail/address.ts";
import { sendDigests } from "../../src/outgoing/digest/send-digests.ts";
import type { Store, StoreOptions } from "../../src/store/store.ts";
import { fakeClock } from "./clock.ts";
import { countSteps } from "./killed-steps.ts";
import { openTestStore } from "./tag-keys.ts";

/** What the process is told. */
export type DigestOrder = {
  readonly database: StoreOptions;
  /** What time it is. */
  readonly atMs: number;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

/** Does what the task does, once. */
export async function sendAt(store: Store, atMs: number): Promise<number> {
  return sendDigests({
    store,
    clock: fakeClock(fromUnixMs(atMs)),
    hostname: parseDomain("mail.alpha.test") ?? assert.fail(),
    language: () => "en",
    wrap: async (_id, bytes) => Promise.resolve({ wrapped: bytes, serviceKey: "" }),
    isDefault: true,
    hasCopies: true,
    failed: (error) => assert.fail(String(error)),
  });
}

if (import.meta.filename === process.argv[1]) {
  const order = JSON.parse(process.argv[2] ?? "") as DigestOrder;
  await using store = await openTestStore(order.database);
  console.log(await countSteps(order.killAfter, async () => sendAt(store, order.atMs)));
}
