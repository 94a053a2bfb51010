import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

import { BoundedMap } from "../base/bounded-map.ts";
import { hex } from "../base/bytes.ts";
import type { AuditMac } from "../store/engine/secrets.ts";
import type { ServiceKey, ServiceKeys } from "./service-key.ts";

/** Maximum number of MACs that are remembered as good: each message has the last entry of its account checked. */
const MAX_REMEMBERED = 10_000;

/**
 * HMAC-SHA256 under the service key, so that whoever can write to the database alone can append nothing to the audit log
 * that passes for ours. A former service key checks what was made under it until it is deleted.
 */
export function auditMacUnder(serviceKeys: ServiceKeys, isFormerKeyLost = false): AuditMac {
  // Key, text and MAC together say it all: a changed row is another text, and a key that is gone is not asked.
  const good = new BoundedMap<string, true>({ entries: MAX_REMEMBERED });
  return {
    isFormerKeyLost,
    sign: (text) => {
      const { current } = serviceKeys;
      return { serviceKey: current.id, mac: macOf(current, text) };
    },
    check: (text, { serviceKey, mac }) => {
      const key = serviceKeys.named(serviceKey);
      if (key === undefined) return "unknown";
      const claim = `${serviceKey} ${hex(mac)} ${hex(text)}`;
      if (good.get(claim) === true) return "good";
      const own = macOf(key, text);
      if (own.length !== mac.length || !timingSafeEqual(own, mac)) return "bad";
      good.set(claim, true);
      return "good";
    },
  };
}

function macOf(serviceKey: ServiceKey, text: Uint8Array): Uint8Array {
  using key = serviceKey.for("audit");
  return createHmac("sha256", createSecretKey(key.reveal())).update(text).digest();
}
