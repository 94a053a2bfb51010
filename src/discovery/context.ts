/** What the look-ups of a process share. */
import type { ExpiringMap } from "../base/expiring-map.ts";
import type { Clock } from "../base/time.ts";
import type { CertificateWork } from "../openpgp/openpgp.ts";
import type { Continuity } from "./continuity.ts";
import type { Discovery, DiscoveryDeps } from "./outcome.ts";

/** What look-ups work with: the deps, and what this process remembers. */
export type LookUpContext = Pick<
  DiscoveryDeps,
  "store" | "resolver" | "get" | "isLocal" | "local" | "random" | "onRollback"
> & {
  readonly work: CertificateWork;
  readonly clock: Clock;
  /** The system's clock, by which mail that arrives is dated: its answers are compared with that. */
  readonly wall: Clock;
  readonly continuity: Continuity;
  /** Answers other than a key, for a while. */
  readonly remembered: ExpiringMap<string, Discovery>;
};
