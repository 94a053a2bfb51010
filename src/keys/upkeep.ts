import { after, DAY } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import { extendExpiry } from "../openpgp/keys/extend.ts";
import { LIFETIME_MS } from "../openpgp/keys/generate.ts";
import { readAddress } from "../store/accounts/addresses.ts";
import {
  findPublished,
  listPublished,
  type PublishedCertificate,
} from "../store/keys/certificates.ts";
import { endPublished } from "../store/keys/publish.ts";
import { saveSecretKey, selectSecretKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { Conflict } from "../vault/conflict.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { openKey, type PublishedAddresses } from "../vault/open-keys.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { wrapSecretKey } from "../vault/wrapped-rows.ts";
import { addressesKeptHere, changeKeys, isOwn, requireCurrent } from "./keys.ts";
import { makeKey, savePublishedKey } from "./new-key.ts";
import { publicationOf } from "./publication.ts";

/** How long before its end the life of a key is extended. */
export const EXTEND_BEFORE_MS = 60 * DAY;

/**
 * What keys need from time to time and only an open master key can do: a first key for each new alias, and a longer life
 * for what expires within sixty days. An account that was closed or erased meanwhile needs nothing.
 */
export async function upkeep(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
): Promise<void> {
  for (const address of await addressesKeptHere(deps.store, masterKey.owner)) {
    const published = await findPublished(deps.store, address);
    if (published === undefined) await makeFirst(deps, rules, masterKey, address);
    else if (expiresSoon(published, deps.clock.now())) await extend(deps, masterKey, published);
  }
}

/** Whether `upkeep` may have something to do, by what is published; it looks more closely. */
export function mayNeedUpkeep(addresses: PublishedAddresses, now: Date): boolean {
  return addresses.some(({ published }) => published === undefined || expiresSoon(published, now));
}

/** True when a key's life is to be extended now. */
function expiresSoon({ expiresAt }: Pick<PublishedCertificate, "expiresAt">, now: Date): boolean {
  return expiresAt !== undefined && expiresAt < after(now, EXTEND_BEFORE_MS);
}

/** An address whose key was revoked on purpose gets none by itself. */
async function makeFirst(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  address: EmailAddress,
): Promise<void> {
  if (!(await isNew(deps.store, address))) return;
  const key = await makeKey(deps, masterKey, { address, profile: rules.profile });
  await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    const isStillNew = (await isOwn(tx, masterKey.owner, address)) && (await isNew(tx, address));
    if (!isStillNew) return;
    await savePublishedKey(tx, key);
    const detail = { fingerprint: key.certificate.fingerprint };
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "key.created", account: masterKey.owner, detail });
  });
}

/** An address without a key, or without one since its account got the address or took it back. */
async function isNew(store: Store, address: EmailAddress): Promise<boolean> {
  const since = (await readAddress(store, address))?.since;
  const before = await listPublished(store, address);
  return before.every(
    ({ state, revokedAt }) =>
      state !== "active" && since !== undefined && (revokedAt ?? since) < since,
  );
}

/** New self-signatures for the same key: clients that have the certificate learn the new end at their next look-up. */
async function extend(
  deps: VaultDeps,
  masterKey: MasterKey,
  published: PublishedCertificate,
): Promise<void> {
  const { owner } = masterKey;
  const { fingerprint, address } = published;
  const now = deps.clock.now();
  const rows = await selectSecretKeys(deps.store, masterKey.id);
  const row = rows.find((one) => one.fingerprint === fingerprint);
  using key = row === undefined ? undefined : await openKey(masterKey, row);
  // A key on its owner's device is extended there.
  if (row === undefined || key === undefined) return;
  const expires = after(now, LIFETIME_MS);
  const certificate = await certificateIn(published);
  const extended = await extendExpiry({ key, certificate, expires, now });
  using secretKey = extended.secretKey;
  const next = await publicationOf(extended.certificate, address, now);
  await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    const change = { state: "active", bytes: next.bytes, expiresAt: next.expiresAt } as const;
    if (!(await endPublished(tx, fingerprint, withoutNone(change)))) throw new Conflict();
    await saveSecretKey(tx, wrapSecretKey(secretKey, masterKey, row, owner));
    const detail = { fingerprint, until: next.expiresAt?.toISOString() ?? "" };
    await appendAudit(tx, { at: now, action: "key.extended", account: owner, detail });
  });
}

function withoutNone(change: {
  readonly state: "active";
  readonly bytes: Uint8Array;
  readonly expiresAt: Date | undefined;
}): Pick<PublishedCertificate, "state" | "bytes" | "expiresAt"> {
  const { expiresAt, ...rest } = change;
  return expiresAt === undefined ? rest : { ...rest, expiresAt };
}
