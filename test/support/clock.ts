import { after, fromUnixMs, type Clock } from "../../src/base/time.ts";

/** A clock that stands still until it is moved. */
export type FakeClock = Clock & {
  readonly set: (date: Date) => void;
  readonly advance: (ms: number) => void;
};

const START_MS = 1_800_000_000_000;

/** A clock that shows `start`, or a fixed day in January 2027. */
export function fakeClock(start: Date = fromUnixMs(START_MS)): FakeClock {
  let now = start;
  return {
    now: () => now,
    set: (date) => {
      now = date;
    },
    advance: (ms) => {
      now = after(now, ms);
    },
  };
}
