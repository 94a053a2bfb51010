/** Rows as they were before one Argon2id served login and slot: a slot with a pepper, and a login hash of its own. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";

import type { Secret } from "../../src/base/secret.ts";
import { generationNow } from "../../src/keys/binding.ts";
import { raiseGeneration } from "../../src/keys/generation.ts";
import { FORMER_KDF, formerHash, newSalt, wrapVerifier } from "../../src/keys/login-verifier.ts";
import { openWithPassword } from "../../src/keys/master-key.ts";
import { formerPasswordKey } from "../../src/keys/slots.ts";
import type { VaultDeps } from "../../src/keys/vault.ts";
import { wrap } from "../../src/keys/wrap.ts";
import { canonicalAddress, type EmailAddress } from "../../src/mail/address.ts";
import { insertAccount } from "../../src/store/accounts.ts";
import { deleteSlots, insertMasterKey, insertSlot, type SlotRow } from "../../src/store/vault.ts";

const FORMER_SLOT_KDF = "argon2id m=65536 t=3 p=4";

/** Puts the rows of before in place of an account's, as they are after the start of today's program. */
export async function useFormerPassword(
  deps: VaultDeps,
  owner: EmailAddress,
  password: Secret,
): Promise<void> {
  using masterKey = await openWithPassword(deps, owner, password);
  assert(masterKey);
  const slot = await formerSlot(deps, owner, masterKey.id, masterKey.secret, password);
  const from = await generationNow(deps.store, owner);
  const salt = newSalt();
  using hash = await formerHash(password, salt);
  const of = { owner, generation: from + 1 };
  const login = wrapVerifier(deps.serviceKeys, of, { salt, kdf: FORMER_KDF }, hash.reveal());
  await deps.store.transaction(async (tx) => {
    await deleteSlots(tx, masterKey.id, "password");
    await insertSlot(tx, slot);
    const change = { action: "account.bound", added: [slot], login, from };
    await raiseGeneration(deps, tx, { owner, at: deps.clock.now(), ...change });
  });
}

/** An account in a database of before, with its login hash in clear and no key yet. */
export async function insertFormerAccount(
  deps: VaultDeps,
  owner: EmailAddress,
  password: Secret,
  secret: Secret,
): Promise<{ readonly hash: Uint8Array }> {
  const { store, clock } = deps;
  const createdAt = clock.now();
  const rest = { policy: undefined, createdAt, mailboxKey: "same" } as const;
  await insertAccount(store, { address: owner, custody: "unlocks-at-login", ...rest });
  const id = randomUUID();
  await insertMasterKey(store, { id, owner, createdAt });
  await insertSlot(store, await formerSlot(deps, owner, id, secret, password));
  const salt = randomBytes(16);
  using hash = await formerHash(password, salt);
  const login_hash = Uint8Array.from(hash.reveal());
  await store.db.updateTable("accounts").set({ login_salt: salt, login_hash }).execute();
  return { hash: login_hash };
}

async function formerSlot(
  { clock, serviceKeys }: VaultDeps,
  owner: EmailAddress,
  masterKey: string,
  secret: Secret,
  password: Secret,
): Promise<SlotRow> {
  const salt = randomBytes(16);
  const id = randomUUID();
  using key = await formerPasswordKey(serviceKeys.current, password, salt);
  const context = [
    "slot",
    canonicalAddress(owner),
    masterKey,
    id,
    "password",
    "1",
    FORMER_SLOT_KDF,
  ];
  return {
    id,
    masterKey,
    kind: "password",
    version: 1,
    kdf: FORMER_SLOT_KDF,
    salt,
    wrapped: wrap(key, secret.reveal(), context),
    createdAt: clock.now(),
    serviceKey: serviceKeys.current.id,
    generation: 0,
  };
}
