import type { Secret } from "../../src/base/secret.ts";
import { ServiceKey, ServiceKeys } from "../../src/vault/service-key.ts";

/** Service keys that stay as they are, the one in force first. Takes the roots over. */
export function fixedServiceKeys(...roots: readonly Secret[]): ServiceKeys {
  let keys: readonly ServiceKey[] | undefined = roots.map((root) => new ServiceKey(root));
  return new ServiceKeys(() => {
    const first = keys;
    keys = undefined;
    return first;
  });
}
