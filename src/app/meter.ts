/** What the parts tell whoever counts. `metrics.ts` makes figures of it; without it nothing is counted. */
import type { Plan } from "../outgoing/plan.ts";
import type { Reason, Step } from "../smtp/reason.ts";

export type Meter = {
  /** A recipient was looked up: the code of the state (docs/use/states.md). */
  readonly lookedUp: (code: string) => void;
  /** A submitted message was decided; `pass`: its client had protected it. */
  readonly planned: (plan: Plan["kind"] | "pass") => void;
  /** A message was opened or judged: the state and the signature of its verdict. */
  readonly judged: (state: string, signature: string) => void;
  /** A client of a listener was answered. */
  readonly answered: (listener: string, step: Step, reason: Reason) => void;
};

/** Counts nothing. */
export const noMeter: Meter = {
  lookedUp: () => undefined,
  planned: () => undefined,
  judged: () => undefined,
  answered: () => undefined,
};
