/**
 * One event in the life of keys, in a process that kills itself right after the n-th step: a statement of the database
 * (`begin` and `commit` too) or a change of a file. `node key-event-process.ts JSON`. At the end it prints how
 * many steps there were.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { StatementSync } from "node:sqlite";
import pg from "pg";
import type { StoreOptions } from "../../src/store/store.ts";
import { openTestStore } from "./tag-keys.ts";
import { eventDeps, KEY_EVENTS } from "./key-events.ts";

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
const steps = { count: 0, isCounting: false };

/** SIGKILL to oneself arrives before the call returns: nothing runs after it. */
function stepDone(): void {
  if (!steps.isCounting) return;
  steps.count += 1;
  if (steps.count === order.killAfter) process.kill(process.pid, "SIGKILL");
}

/** Counts each call of a method when it is done, for a promise when that is kept. */
function countCalls(owner: object, names: readonly string[]): void {
  for (const name of names) {
    const real: unknown = Reflect.get(owner, name);
    if (typeof real !== "function") throw new Error(`no ${name}`);
    const counted = function counted(this: unknown, ...args: readonly unknown[]): unknown {
      const result: unknown = Reflect.apply(real, this, args);
      if (result instanceof Promise) return result.finally(stepDone);
      stepDone();
      return result;
    };
    Reflect.set(owner, name, counted);
  }
}

await using store = await openTestStore(order.database);
using deps = eventDeps(store, order.keyFile);
const event = KEY_EVENTS[order.event];
if (event === undefined) throw new Error(`no event ${order.event}`);

countCalls(StatementSync.prototype, ["run", "all"]);
countCalls(pg.Client.prototype, ["query"]);
countCalls(fs, ["openSync", "writeSync", "fsyncSync", "renameSync", "rmSync"]);
syncBuiltinESMExports();

steps.isCounting = true;
await (order.isResume ? (event.resume ?? event.run) : event.run)(deps, order.code);
steps.isCounting = false;
console.log(steps.count);
