/**
 * A gateway that accepts mail and tries what waits, and kills itself right after the n-th step (`killed-steps.ts`).
 * `node deferral-process.ts JSON`. What was answered 250, and each copy that the next hop got, is a line of a file.
 */
import { appendFileSync } from "node:fs";
import { fromUnixMs, MINUTE } from "../../src/base/time.ts";
import { Secret } from "../../src/base/secret.ts";
import type { StoreOptions } from "../../src/store/store.ts";
import { fakeClock } from "./clock.ts";
import { deferralWorld, MESSAGE } from "./deferral-world.ts";
import { countSteps } from "./killed-steps.ts";
import { fixedServiceKeys } from "./service-keys.ts";
import { openTestStore } from "./tag-keys.ts";

/** What the process is told. */
export type DeferralOrder = {
  readonly database: StoreOptions;
  /** The service key, in base64. */
  readonly root: string;
  /** What time it is. */
  readonly atMs: number;
  /** Names that its messages alone have; nothing is submitted without. */
  readonly submit: readonly string[];
  /** Whether bob's state is certain now. */
  readonly isCertain: boolean;
  readonly acceptedFile: string;
  readonly relayedFile: string;
  /** The step to die after; 0 for never. */
  readonly killAfter: number;
};

const order = JSON.parse(process.argv[2] ?? "") as DeferralOrder;
await using store = await openTestStore(order.database);
const world = await deferralWorld(store, {
  deps: {
    store,
    clock: fakeClock(fromUnixMs(order.atMs)),
    serviceKeys: fixedServiceKeys(new Secret(Buffer.from(order.root, "base64"))),
    keyRules: { profile: "compat" },
  },
  relaying: ({ message }) => {
    const line = JSON.stringify(Buffer.from(message).toString("latin1"));
    appendFileSync(order.relayedFile, `${line}\n`);
  },
});
world.known.set("bob@beta.test", order.isCertain ? "found" : "unsure");
const steps = await countSteps(order.killAfter, async () => {
  for (const name of order.submit) {
    const reply = await world.send(MESSAGE.replace("<1@", `<${name}@`), ["bob@beta.test"]);
    if (reply.startsWith("250 ")) appendFileSync(order.acceptedFile, `${name}\n`);
  }
  // What was accepted in this process is due after a minute.
  await world.pass(2 * MINUTE);
});
console.log(steps);
