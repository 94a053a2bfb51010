/** Alice and her keys, for tests of what happens in the life of an account. */
import assert from "node:assert/strict";

import { Secret } from "../../src/base/secret.ts";
import { after, DAY } from "../../src/base/time.ts";
import { listAudit } from "../../src/journal/journal.ts";
import { openWithPassword, type MasterKey } from "../../src/vault/master-key.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { readRecoveryCode } from "../../src/vault/recovery-code.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import { addressOf } from "./address.ts";
import { fixedServiceKeys } from "./service-keys.ts";
import { unlockWithPassword } from "../../src/vault/vault.ts";
import type { Enrolled, EnrolmentWish } from "../../src/login/enrol.ts";
import type { LoginDeps } from "../../src/login/login.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import type { Fingerprint } from "../../src/openpgp/packets/fingerprint.ts";
import { findById, findPublished } from "../../src/store/keys/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import { fakeClock } from "./clock.ts";
import { enrol, idOf } from "./accounts.ts";

export const alice = addressOf("alice@alpha.test");
export const alias = addressOf("a.quill@alpha.test");
export const renamed = addressOf("alice.reef@alpha.test");
export const network = "192.0.2.0/24";
export const old = (): Secret => Secret.fromText("the old password");
export const fresh = (): Secret => Secret.fromText("the new password");

export type Deps = LoginDeps & { readonly clock: ReturnType<typeof fakeClock> };

export function depsFor(store: Store): Deps {
  return {
    store,
    clock: fakeClock(),
    serviceKeys: fixedServiceKeys(newServiceRoot()),
    keyRules: { profile: "compat" },
  };
}

/** Enrols alice; without a password unless one is given. */
export async function enrolAlice(deps: Deps, more: Partial<EnrolmentWish> = {}): Promise<Enrolled> {
  return enrol(deps, { address: alice, custody: "unlocks-at-login", profile: "compat", ...more });
}

export async function withAlice(
  store: Store,
  custody: "unlocks-at-login" | "provider-usable" = "unlocks-at-login",
) {
  const deps = depsFor(store);
  const made = await enrolAlice(deps, { custody, password: old(), withRecoveryCode: true });
  const code = readRecoveryCode(made.recoveryCode ?? "");
  assert(code.kind === "read" && made.certificate);
  deps.clock.advance(DAY);
  return { deps, first: made.certificate.fingerprint, code: code.secret };
}

export async function active(store: Store, address = alice): Promise<Fingerprint | undefined> {
  return (await findPublished(store, address))?.fingerprint;
}

export async function opened(deps: Deps, password: Secret): Promise<MasterKey> {
  const masterKey = await openWithPassword(deps, idOf(alice), password);
  assert(masterKey);
  return masterKey;
}

/** Whether the keys that a password opens decrypt a message to a key that is, or was, published. */
export async function opensMailFor(
  deps: LoginDeps,
  password: Secret,
  fingerprint: Fingerprint,
): Promise<boolean> {
  const [row] = await findById(deps.store, fingerprint);
  assert(row);
  const data = Buffer.from("canary");
  const recipients = [await certificateIn(row)];
  const made = row.createdAt;
  const message = await encryptAtRest({ data, recipients, now: after(made, 1000) });
  using keys = await unlockWithPassword(deps, idOf(alice), password);
  if (keys === undefined) return false;
  return (await decrypt({ message, keys: keys.all })).kind === "decrypted";
}

export async function actions(store: Store): Promise<readonly string[]> {
  return (await Array.fromAsync(listAudit(store))).map(({ action }) => action);
}
