import { randomBytes } from "node:crypto";

import { Secret } from "../base/secret.ts";
import { deriveKey } from "./wrap.ts";

/**
 * What the service root key is for; each purpose has a key of its own. `pepper` goes into the making of
 * password keys, so that a stolen database alone cannot be searched for passwords.
 */
export type ServicePurpose = "slots" | "pepper" | "queue" | "revocations" | "macs" | "sessions";

/** The length of a service root key. */
export const SERVICE_KEY_BYTES = 32;

/** The service's key for one purpose; the caller disposes it. */
export function serviceKeyFor(serviceKey: Secret, purpose: ServicePurpose): Secret {
  return deriveKey(serviceKey, `service|${purpose}`);
}

/** A new service root key, to be kept in a file outside the database and its backups. */
export function newServiceKey(): Secret {
  return new Secret(randomBytes(SERVICE_KEY_BYTES));
}
