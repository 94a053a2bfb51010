import type { Secret } from "../base/secret.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Account } from "../words/account.ts";
import type { Attempt } from "./attempts.ts";

/** A password that somebody logs in with. */
export type LoginRequest = Attempt & {
  readonly password: Secret;
  /** Ends the wait for a turn: the client has gone. */
  readonly signal?: AbortSignal;
};

/**
 * What a login came to. The password may be right and the keys stay closed (`isLocked`): it was changed where Sealpost
 * did not see it, or the keys are on the user's device.
 */
export type Login =
  | {
      readonly kind: "ok";
      readonly account: Account;
      readonly keys: UnlockedKeys;
      /** The change of the account that all this was seen at: after the next one the keys are not used any more. */
      readonly generation: number;
      readonly isLocked: boolean;
    }
  | { readonly kind: "refused" }
  | { readonly kind: "throttled" }
  /** Too many logins wait for their turn. */
  | { readonly kind: "busy" };
