/** What the parts tell whoever counts. `metrics.ts` makes figures of it; without it nothing is counted. */
import type { Plan } from "../outgoing/plan.ts";
import type { Reason, Step } from "../smtp/reason.ts";
import type { Part } from "../words/rollout.ts";

export type Meter = {
  /** A recipient was looked up: the code of the state (docs/use/states.md). */
  readonly lookedUp: (code: string) => void;
  /** A submitted message was decided; `pass`: its client had protected it. */
  readonly planned: (plan: Plan["kind"] | "pass", part: Part) => void;
  /** A recipient of a copy was handed to the next hop. */
  readonly handedOn: (outcome: "accepted" | "refused" | "deferred") => void;
  /** A sealed message was opened, or could not be: the state of its verdict. */
  readonly opened: (state: string) => void;
  /** A message was judged: the state and the signature of its verdict. */
  readonly judged: (state: string, signature: string) => void;
  /** A client of a listener was answered. */
  readonly answered: (listener: string, step: Step, reason: Reason) => void;
};
