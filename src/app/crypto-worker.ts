/** The thread behind `crypto-pool.ts`: one job in, one outcome out; the keys that came with it are wiped after it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort } from "node:worker_threads";
import { AppError, errorText, ProgramFault } from "../base/errors.ts";
import { LARGE_OCTETS, octetsIn, portable } from "../base/large-octets.ts";
import { type UnlockedKey } from "../openpgp/secret-key.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { keysIn } from "./key-copies.ts";
import type { Job, Outcome } from "./pooled-worker.ts";
import { THREAD_WORK } from "./thread-work.ts";

const port = parentPort;
if (port === null) throw new Error("crypto-worker.ts runs as a worker of crypto-pool.ts");

port.on("message", (job: Job) => {
  const isLarge = octetsIn(job.request) > LARGE_OCTETS;
  void outcomeOf(job).then((outcome) => {
    port.postMessage(outcome);
    if (isLarge) setImmediate(collectGarbage);
  });
});

/** A thread that waits looks for no garbage, and would hold the memory of its last message. */
const collectGarbage = (() => {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
})();

type AnyWork = (request: unknown, keys: readonly UnlockedKey[]) => Promise<unknown>;

async function outcomeOf({ name, request, keys }: Job): Promise<Outcome> {
  try {
    using disposables = new DisposableStack();
    const unlocked = await keysIn(keys, disposables);
    const work = THREAD_WORK[name] as AnyWork;
    return { kind: "done", value: await portable(await work(request, unlocked)) };
  } catch (error) {
    if (error instanceof UnsealableMessage) return { kind: "unsealable", why: error.message };
    const isOurs = error instanceof AppError && !(error instanceof ProgramFault);
    return {
      kind: "failed",
      reason: errorText(error),
      temporary: isOurs && error.temporary,
      isFault: !isOurs,
    };
  }
}
