/**
 * Processes are killed (SIGKILL) right after each step of each event in the life of keys: a statement, a commit, a change
 * of a file. What they leave is the state before or the state after, never one between: one password logs in and opens
 * the keys, no address has two active certificates, what was sealed before still opens.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../src/store/engine/migrate.ts";
import type { Engine } from "../../src/store/store.ts";
import { openTestStore } from "../support/tag-keys.ts";
import { keyFileOf, openPlaces, type Place, type Places } from "../support/key-event-places.ts";
import type { KeyEventOrder } from "../support/key-event-process.ts";
import { eventDeps, KEY_EVENTS, makeBefore, type KeyEvent } from "../support/key-events.ts";
import { everyStep, runToKill } from "../support/kill-runs.ts";
import { sealCanaries, stateOf, type Canaries, type KeyState } from "../support/key-state.ts";

/** Of one event: its steps, and after how many of the kills it had happened already. */
export type KeyEventReport = {
  readonly event: string;
  readonly steps: number;
  readonly kills: number;
  readonly before: number;
  readonly after: number;
};

const AT_ONCE = 2;
/** After so many kills one event is done again; one of several transactions after each. */
const AGAIN_EVERY = 5;

/** Kills after the steps that `chosen` picks of all, for the named events. */
export async function proveKeyEvents(
  engine: Engine,
  names: readonly string[] = Object.keys(KEY_EVENTS),
  chosen: (steps: number) => readonly number[] = everyStep,
): Promise<readonly KeyEventReport[]> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-key-events-"));
  try {
    await using places = await openPlaces(engine, dir);
    const reports: KeyEventReport[] = [];
    await inTurns(names, async (event) => {
      reports.push(await proveEvent(places, event, chosen));
    });
    return reports;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Base = {
  readonly name: string;
  readonly event: KeyEvent;
  readonly place: Place;
  readonly code: string;
  readonly canaries: Canaries;
  readonly before: KeyState;
  readonly after: KeyState;
};

async function proveEvent(
  places: Places,
  name: string,
  chosen: (steps: number) => readonly number[],
): Promise<KeyEventReport> {
  const event = KEY_EVENTS[name];
  assert(event, `there is no event ${name}`);
  const place = await places.make();
  const prepared = await prepare(place, event);
  const whole = await places.copy(place);
  const { steps } = await runEvent(name, whole, prepared.code, 0);
  assert(steps !== undefined, `${name} died by itself`);
  const base: Base = {
    name,
    event,
    place,
    ...prepared,
    after: await look(whole, prepared.canaries, prepared.code),
  };
  const counts = { before: 0, after: 0 };
  const kills = chosen(steps);
  for (const killAfter of kills) {
    try {
      counts[await killOnce(places, base, killAfter)] += 1;
    } catch (cause) {
      const at = `${name}, killed after step ${String(killAfter)} of ${String(steps)}`;
      throw new Error(at, { cause });
    }
  }
  return { event: name, steps, kills: kills.length, ...counts };
}

async function prepare(
  place: Place,
  event: KeyEvent,
): Promise<Pick<Base, "code" | "canaries" | "before">> {
  let made: Pick<Base, "code" | "canaries">;
  {
    await using store = await openTestStore(place.database);
    await migrate(store);
    using deps = eventDeps(store, keyFileOf(place));
    made = { code: await makeBefore(deps, event), canaries: await sealCanaries(deps) };
  }
  return { ...made, before: await look(place, made.canaries, made.code) };
}

async function look(place: Place, canaries: Canaries, code: string): Promise<KeyState> {
  await using store = await openTestStore(place.database);
  using deps = eventDeps(store, keyFileOf(place));
  return await stateOf(deps, canaries, code);
}

/** Which of the two states a killed process left. What was not done is done again, and then it is. */
async function killOnce(
  places: Places,
  base: Base,
  killAfter: number,
): Promise<"before" | "after"> {
  const { name, code, canaries, event } = base;
  const place = await places.copy(base.place);
  const { steps } = await runEvent(name, place, code, killAfter);
  assert.equal(steps, undefined, "it was not killed");
  const left = await look(place, canaries, code);
  const isInSteps = event.resume !== undefined;
  const compared = (state: KeyState): object => (isInSteps ? { ...state, audit: [] } : state);
  const isAfter = isSame(compared(left), compared(base.after));
  if (!isAfter) assert.deepEqual(compared(left), compared(base.before));
  const isWhole = isAfter && left.audit.length >= base.after.audit.length;
  if (isWhole) return "after";
  if (!isInSteps && killAfter % AGAIN_EVERY !== 0) return "before";
  const again = await runEvent(name, place, code, "resume");
  assert(again.steps !== undefined);
  assert.deepEqual(compared(await look(place, canaries, code)), compared(base.after));
  return "before";
}

function isSame(one: object, other: object): boolean {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

/** Undefined steps: it was killed. Any other ending is an error. */
async function runEvent(
  event: string,
  place: Place,
  code: string,
  killAfter: number | "resume",
): Promise<{ readonly steps: number | undefined }> {
  const isResume = killAfter === "resume";
  const order: KeyEventOrder = {
    event,
    code,
    isResume,
    database: place.database,
    keyFile: keyFileOf(place),
    killAfter: isResume ? 0 : killAfter,
  };
  return { steps: await runToKill("key-event-process.ts", order) };
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
