import type { Plan, Recipient } from "../plan.ts";
import type { Demand } from "../submission.ts";

/** What was found out about a deferred message when its turn came. */
export type RetryOutcome =
  | { readonly kind: "account-changed" | "key-ended" | "not-enabled" }
  | {
      readonly kind: "planned";
      readonly recipients: readonly Recipient[];
      readonly plan: Plan;
      /** What the message is refused for, where clear text is forbidden. */
      readonly demand: Demand;
    };
