import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

import type { AuditMac } from "../store/engine/secrets.ts";
import type { ServiceKey, ServiceKeys } from "./service-key.ts";

/**
 * HMAC-SHA256 under the service key, so that whoever can write to the database alone can append nothing to the audit log
 * that passes for ours. A former service key checks what was made under it until it is deleted.
 */
export function auditMacUnder(serviceKeys: ServiceKeys, isFormerKeyLost = false): AuditMac {
  return {
    isFormerKeyLost,
    sign: (text) => {
      const { current } = serviceKeys;
      return { serviceKey: current.id, mac: macOf(current, text) };
    },
    check: (text, { serviceKey, mac }) => {
      const key = serviceKeys.named(serviceKey);
      if (key === undefined) return "unknown";
      const own = macOf(key, text);
      return own.length === mac.length && timingSafeEqual(own, mac) ? "good" : "bad";
    },
  };
}

function macOf(serviceKey: ServiceKey, text: Uint8Array): Uint8Array {
  using key = serviceKey.for("audit");
  return createHmac("sha256", createSecretKey(key.reveal())).update(text).digest();
}
