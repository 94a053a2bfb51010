/** Strangers who hold connections: silent ones, and ones that never end a message. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Place } from "../../lab/world.ts";
import { SECOND } from "../../src/base/time.ts";
import type { Attack } from "./scene.ts";

/** How long the attack may take to have as much as it gets. */
const SETTLE_MS = 3 * SECOND;

/** Connections of some networks (a.b.c, of loopback), as many as are let in, and opened again when they are closed. */
export type Holding = {
  readonly place: Place;
  readonly networks: readonly string[];
  readonly each: number;
  /** They say nothing, or are in DATA and give an octet a second. */
  readonly talk: "nothing" | "drips";
};

export async function holding(held: Holding): Promise<Attack> {
  const file = join(import.meta.dirname, "connection-holder.ts");
  const worker = new Worker(file, { workerData: held });
  let last = { tried: 0, open: 0 };
  worker.on("message", (told: typeof last) => {
    last = told;
  });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return {
    said: () => `${String(last.tried)} connections were tried, ${String(last.open)} are open`,
    isReal: () => last.open > 0,
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}
