import { appendAudit } from "../journal/journal.ts";
import type { TagKeys } from "../store/engine/secrets.ts";
import { beginTagKey } from "../store/keys/tag-key.ts";
import type { Store } from "../store/store.ts";
import { auditMacUnder } from "./audit-mac.ts";
import type { ServiceKeys } from "./service-key.ts";
import { unwrap, wrap } from "./wrap.ts";

const VERSION = 1;
const CONTEXT = ["tag-key", String(VERSION)];

/** Gives a store what it needs the service key for: MACs of the audit log, and tags in place of addresses. */
export function holdAuditKeys(
  store: Store,
  serviceKeys: ServiceKeys,
  isFormerKeyLost: boolean,
): void {
  store.auditMac = auditMacUnder(serviceKeys, isFormerKeyLost);
  store.tagKeys = tagKeysUnder(serviceKeys, isFormerKeyLost);
}

/** For a process that begins: makes the key of tags where there is none. One that is lost is replaced; the audit log says so. */
export async function beginTags(store: Store, at: Date): Promise<void> {
  await store.transaction(async (tx) => {
    if (await beginTagKey(tx)) await appendAudit(tx, { at, action: "tag-key.replaced" });
  });
}

/** Wraps the key of tags (`store/keys/tag-key.ts`) under the service key, for a purpose of its own. */
export function tagKeysUnder(serviceKeys: ServiceKeys, isFormerKeyLost = false): TagKeys {
  return {
    isFormerKeyLost,
    serviceKey: () => serviceKeys.current.id,
    wrap: (tagKey) => {
      const { current } = serviceKeys;
      using key = current.for("tags");
      return { serviceKey: current.id, wrapped: wrap(key, tagKey.reveal(), CONTEXT) };
    },
    open: ({ serviceKey, wrapped }) => {
      using key = serviceKeys.named(serviceKey)?.for("tags");
      return key && unwrap(key, wrapped, CONTEXT);
    },
  };
}
