/** What a process that holds the service key lends the store. */
import type { Secret } from "../../base/secret.ts";

/** Authenticates the heads of the audit log, by processes that hold the service key. */
export type AuditMac = {
  readonly sign: (text: Uint8Array) => { readonly serviceKey: string; readonly mac: Uint8Array };
  /** `unknown`: made under a service key that is no longer here. */
  readonly check: (
    text: Uint8Array,
    made: { readonly serviceKey: string; readonly mac: Uint8Array },
  ) => "good" | "bad" | "unknown";
  /** An operator said that the former service key is lost: what was made under an unknown one counts where it must. */
  readonly isFormerKeyLost: boolean;
};

/** The key of the tags that stand for addresses (`tag-key.ts`), wrapped under the service key that is named. */
export type WrappedTagKey = { readonly serviceKey: string; readonly wrapped: Uint8Array };

/** Wraps and opens the tag key, in processes that hold the service key. */
export type TagKeys = {
  /** The name of the service key in force. */
  readonly serviceKey: () => string;
  readonly wrap: (key: Secret) => WrappedTagKey;
  /** Undefined when no service key that is here opens it. */
  readonly open: (row: WrappedTagKey) => Secret | undefined;
  /** As in `AuditMac`: then there is a new tag key in place of one that nothing opens. */
  readonly isFormerKeyLost: boolean;
};
