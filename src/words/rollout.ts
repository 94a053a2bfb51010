/** How far a domain takes part in encryption, in the words that the store and the features share. */

/**
 * `off`: nothing is published, nothing is sealed. `receive-only`: certificates are published and mail is opened, nothing is
 * sealed. `opt-in`: users who joined take part in full. `default-on`: everybody does who did not leave. Sealed mail that
 * comes is opened in each of them.
 */
export type Rollout = "off" | "receive-only" | "opt-in" | "default-on";

/** All words of `Rollout`, in the order in which a provider goes through them. */
export const ROLLOUTS: readonly Rollout[] = ["off", "receive-only", "opt-in", "default-on"];

/** What those get under `opt-in` who did not join. */
export type Others = Extract<Rollout, "off" | "receive-only">;

/** All words of `Others`. */
export const OTHERS: readonly Others[] = ["receive-only", "off"];

/** What a user said themselves; undefined: nothing. */
export type Membership = "joined" | "left";

/** All words of `Membership`. */
export const MEMBERSHIPS: readonly Membership[] = ["joined", "left"];

/** What is set for a domain. */
export type DomainRollout = { readonly rollout: Rollout; readonly others: Others };

/** Where nothing is set. */
export const NO_ROLLOUT: DomainRollout = { rollout: "default-on", others: "receive-only" };

/** What a user takes part in: `full`: their certificates are published, and what they send is sealed. */
export type Part = "none" | "receives" | "full";

/** What a user of a domain takes part in. */
export function partOf({ rollout, others }: DomainRollout, said: Membership | undefined): Part {
  switch (rollout) {
    case "off":
      return "none";
    case "receive-only":
      return "receives";
    case "opt-in":
      if (said === "joined") return "full";
      return others === "off" ? "none" : "receives";
    case "default-on":
      return said === "left" ? "receives" : "full";
  }
}
