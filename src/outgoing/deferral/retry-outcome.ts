import type { Looked, Plan } from "../plan.ts";

/** What was found out about a deferred message when its turn came. */
export type RetryOutcome =
  | { readonly kind: "account-changed" | "key-ended" }
  | { readonly kind: "planned"; readonly looked: readonly Looked[]; readonly plan: Plan };
