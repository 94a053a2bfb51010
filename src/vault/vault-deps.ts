import type { Clock } from "../base/time.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { KeyProfile } from "../openpgp/certificates/profile.ts";
import type { GoneBlob } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import type { ServiceKeys } from "./service-key.ts";

/** What the vault works with. */
export type VaultDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly serviceKeys: ServiceKeys;
  /** Absent, releases are written down and nothing more: a running installation always has them. */
  readonly releaseLimits?: ReleaseLimits | undefined;
  /** Deletes what blobs without a row have outside of the database. Absent, the next sweep does it. */
  readonly removeBlobs?: ((gone: readonly GoneBlob[]) => Promise<void>) | undefined;
};

/** How many generic revocations may be released: beyond is an alarm, or they stop (0: never). */
export type ReleaseLimits = {
  readonly alarmPerHour: number;
  readonly alarmPerDay: number;
  readonly stopPerDay: number;
};

/** What new keys and new master keys are made by, as the installation is configured. */
export type KeyRules = {
  readonly profile: KeyProfile;
  /** Where the organisation keeps a way in of its own: every first master key is wrapped to it as well, and those that follow it. */
  readonly escrow?: Certificate | undefined;
};
