import type { Meter } from "../../src/app/meter.ts";

/** Counts nothing. */
export const noMeter: Meter = {
  lookedUp: () => undefined,
  planned: () => undefined,
  handedOn: () => undefined,
  opened: () => undefined,
  judged: () => undefined,
  answered: () => undefined,
};
