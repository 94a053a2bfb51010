/** Drafts of the reader of a lone server, as a page would work with them. */
import assert from "node:assert/strict";

import { openCrypto } from "../../src/app/open-crypto.ts";
import { draftsOf } from "../../src/app/open-mailbox.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { loadConfig } from "../../src/config/config.ts";
import type { Drafts } from "../../src/mailbox/drafts/drafts.ts";
import { unlockWithService } from "../../src/vault/vault.ts";
import { idAt } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { READER } from "./lone-server.ts";

/** Works with the drafts of the reader, whose keys the provider may use. */
export async function withDrafts<Value>(
  config: string,
  work: (drafts: Drafts) => Promise<Value>,
): Promise<Value> {
  const loaded = await loadConfig(config);
  await using vault = await openVault(loaded);
  await using crypto = openCrypto({ isServing: false });
  const id = await idAt(vault.store, addressOf(READER));
  using keys = await unlockWithService(vault, id);
  assert(keys);
  const { store, clock, blobs } = vault;
  const events = { failed: (_where: string, error: unknown) => assert.fail(String(error)) };
  const wiring = { store, clock, blobs, pool: crypto.pool, events, limits: () => loaded.limits };
  return await work(draftsOf(wiring)({ id, address: addressOf(READER) }, keys));
}
