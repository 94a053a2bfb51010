/**
 * The thread behind `crypto-pool.ts`: one job in, one outcome out. It keeps the keys that came with a job until it is told
 * that they have ended (`held-keys.ts`).
 */
import { parentPort } from "node:worker_threads";

import { AppError, errorText, ProgramFault } from "../base/errors.ts";
import { garbageCollector } from "../base/garbage.ts";
import { LARGE_OCTETS, octetsIn, portable } from "../base/large-octets.ts";
import { SECOND } from "../base/time.ts";
import { type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { KeysHere } from "./held-keys.ts";
import { type Outcome, type Sent, transferable } from "./pooled-worker.ts";
import { THREAD_WORK } from "./thread-work.ts";

const port = parentPort;
if (port === null) throw new Error("crypto-worker.ts runs as a worker of crypto-pool.ts");

/** An error travels as its text alone, and Node makes and drops one for each key that it is given as octets. */
Error.stackTraceLimit = 0;

const keys = new KeysHere();
let isWorking = false;

port.on("message", (sent: Sent) => {
  if (sent.kind === "forget") {
    keys.forget(sent.ids);
    if (!isWorking) wipeEnded();
    return;
  }
  isWorking = true;
  const octets = octetsIn(sent.request);
  void outcomeOf(sent).then((outcome) => {
    isWorking = false;
    port.postMessage(outcome, transferable(outcome));
    wipeEnded();
    if (octets > LARGE_OCTETS) collectAfter(octets);
  });
});

/** Maximum octets of large messages between two collections, because one takes as long as sealing a megabyte. */
const MAX_UNCOLLECTED = 16 * 1024 * 1024;
/** How long garbage may wait for more of it. */
const COLLECT_AFTER_MS = 5 * SECOND;
let uncollected = 0;
let collecting: NodeJS.Timeout | undefined;

/** A waiting thread collects no garbage, and would hold the memory of its last messages. */
function collectAfter(octets: number): void {
  uncollected += octets;
  if (uncollected > MAX_UNCOLLECTED) setImmediate(collect);
  else collectLater();
}

/** OpenSSL clears the memory of a key's object when it is collected. */
function wipeEnded(): void {
  if (keys.wipe() > 0) collectLater();
}

function collectLater(): void {
  collecting ??= setTimeout(collect, COLLECT_AFTER_MS).unref();
}

function collect(): void {
  clearTimeout(collecting);
  collecting = undefined;
  uncollected = 0;
  collectGarbage();
}

const collectGarbage = garbageCollector();

type AnyWork = (request: unknown, keys: readonly UnlockedKey[]) => Promise<unknown>;

async function outcomeOf(sent: Extract<Sent, { kind: "job" }>): Promise<Outcome> {
  try {
    using disposables = new DisposableStack();
    const unlocked = await keys.forJob(sent.keys, disposables);
    const work = THREAD_WORK[sent.name] as AnyWork;
    return { kind: "done", value: await portable(await work(sent.request, unlocked)) };
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
