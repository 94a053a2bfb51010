/** What a process that holds the service key gives its stores: without it nothing tells whose an audit entry is. */
import { Secret } from "../../src/base/secret.ts";
import { SERVICE_KEY_BYTES } from "../../src/vault/service-key.ts";
import { fixedServiceKeys } from "./service-keys.ts";
import { tagKeysUnder } from "../../src/vault/tag-keys.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import type { TagKeys } from "../../src/store/engine/secrets.ts";

/** The same service key for every store that a test opens; tests of the service key give a store their own. */
export function testTagKeys(): TagKeys {
  return tagKeysUnder(fixedServiceKeys(new Secret(new Uint8Array(SERVICE_KEY_BYTES).fill(7))));
}

/** As `openStore`, for a test that makes accounts and keys. */
export async function openTestStore(options: StoreOptions): Promise<Store> {
  const store = await openStore(options);
  store.tagKeys = testTagKeys();
  return store;
}
