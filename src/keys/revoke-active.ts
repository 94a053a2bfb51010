import { AppError } from "../base/errors.ts";
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import {
  applyRevocation,
  revokeFresh,
  type RevocationReasonCode,
} from "../openpgp/keys/revocation.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { lastAction, selectActions } from "../store/journal/audit-actions.ts";
import {
  findPublished,
  type KeyState,
  type PublishedCertificate,
} from "../store/keys/certificates.ts";
import {
  selectGenericRevocation,
  type GenericRevocationRow,
} from "../store/keys/generic-revocations.ts";
import { endPublished, stopServing } from "../store/keys/publish.ts";
import { hasSecretKey, selectSecretKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { Conflict } from "../vault/conflict.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { openKey } from "../vault/open-keys.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { compareServiceKey } from "../vault/service-key-log.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { opensRevocation } from "../vault/wrapped-rows.ts";
import type { AccountId } from "../words/account.ts";
import { releaseGenericRevocation } from "./generic-revocation.ts";
import { revokedChange } from "./publication.ts";
import { recordRelease } from "./releases.ts";

/** Why a key ends, in the words of its state. */
export type EndReason = Exclude<KeyState, "active">;

/** RFC 9580 §5.2.3.31. */
const CODES: Readonly<Record<EndReason, RevocationReasonCode>> = {
  superseded: 1,
  compromised: 2,
  retired: 3,
  withdrawn: 0,
};

/** Whose key is to end and why; `masterKey` when it is open. */
export type EndWish = {
  readonly owner: AccountId;
  readonly address: EmailAddress;
  readonly masterKey: MasterKey | undefined;
  readonly reason: EndReason;
  /** For people, in the revocation itself: published. */
  readonly text: string;
};

/** What ended, and by which revocation: one made now, the one kept since the key was made, or none that we have. */
export type Ended = {
  readonly fingerprint: Fingerprint;
  readonly by: "fresh" | "generic" | "none";
};

/**
 * Ends the active key of an address, in the caller's transaction: revoked afresh where the key is open, else with the
 * generic revocation. Sometimes only its owner can revoke the key, or the generic revocation is lost with the service
 * key. The key is then no longer served until a revocation comes (`publishRevocation`): it may be in other hands, and
 * nothing in it would say so. Undefined when none is active.
 * @throws Conflict when somebody else ended it meanwhile.
 */
export async function endKey(
  deps: VaultDeps,
  tx: Store,
  wish: EndWish,
): Promise<Ended | undefined> {
  const published = await findPublished(tx, wish.address);
  if (published === undefined) return undefined;
  const certificate = await certificateIn(published);
  const { by, revoked } = await revoke(deps, tx, wish, published, certificate);
  const change = await revokedChange(published, revoked, deps.clock.now());
  const { fingerprint } = published;
  if (!(await endPublished(tx, fingerprint, change))) throw new Conflict();
  if (by === "none") {
    await stopServing(tx, fingerprint);
    const at = deps.clock.now();
    const entry = { at, action: UNSERVED, account: wish.owner, detail: { fingerprint } };
    await appendAudit(tx, entry);
  }
  return { fingerprint, by };
}

const UNSERVED = "certificate.unserved";

/** The place in the audit log of the last key that ended without a revocation, or 0. */
export async function lastUnserved(store: Store): Promise<number> {
  return lastAction(store, UNSERVED);
}

/** The keys that ended so behind a place in the audit log. */
export async function unservedSince(
  store: Store,
  afterSeq: number,
): Promise<readonly Fingerprint[]> {
  const rows = await selectActions(store, [UNSERVED], afterSeq);
  return rows.map(({ detail }) => (JSON.parse(detail) as Pick<Ended, "fingerprint">).fingerprint);
}

async function revoke(
  deps: VaultDeps,
  tx: Store,
  wish: EndWish,
  published: PublishedCertificate,
  certificate: Certificate,
): Promise<{ readonly by: Ended["by"]; readonly revoked: Certificate }> {
  const fresh = await revokedFresh(deps, tx, wish, certificate);
  const { fingerprint } = published;
  const isOwnAct = wish.masterKey !== undefined && wish.masterKey.openedBy !== "service";
  if (fresh !== undefined) {
    if (!isOwnAct) {
      // As harmful as a generic revocation if the service key is misused, so it is counted as well.
      const release = { account: wish.owner, fingerprint, by: "fresh", isOwnAct } as const;
      await recordRelease(deps, tx, release);
    }
    return { by: "fresh", revoked: fresh };
  }
  const kept = await selectGenericRevocation(tx, fingerprint);
  // Its owner alone revokes it.
  if (kept !== undefined && (await isOnDevice(tx, kept))) {
    return { by: "none", revoked: certificate };
  }
  if (kept !== undefined && (await isLost(deps, tx, kept))) {
    // As harmful as a revocation if somebody says so of a service key that is not lost, so it is counted as well.
    await recordRelease(deps, tx, { account: wish.owner, fingerprint, by: "none", isOwnAct });
    return { by: "none", revoked: certificate };
  }
  const generic = await releaseGenericRevocation(deps, wish.owner, fingerprint, {
    store: tx,
    isOwnAct,
  });
  const revoked = await applyRevocation(certificate, generic);
  if (revoked === undefined) {
    throw new AppError("the generic revocation of the key does not verify", { temporary: false });
  }
  return { by: "generic", revoked };
}

/**
 * Whether a key is on its owner's device alone, and its revocation with it. Whoever can write to the database can empty the
 * row of another key: so the row must name no service key, and the secret key must not be here.
 */
async function isOnDevice(tx: Store, kept: GenericRevocationRow): Promise<boolean> {
  if (kept.wrapped.length > 0 || kept.serviceKey !== "") return false;
  return !(await hasSecretKey(tx, kept.fingerprint));
}

/**
 * Whether it is under a service key that an operator said is lost. The row names that key, and whoever can write to the
 * database can change the name: so no key that is here may open the row, and this host must have the key in force.
 */
async function isLost(deps: VaultDeps, tx: Store, kept: GenericRevocationRow): Promise<boolean> {
  if (tx.auditMac?.isFormerKeyLost !== true) return false;
  const { serviceKeys } = deps;
  if (serviceKeys.named(kept.serviceKey) !== undefined) return false;
  if (serviceKeys.all().some((serviceKey) => opensRevocation(serviceKey, kept))) return false;
  return (await compareServiceKey(tx, serviceKeys.current.id)) !== "other";
}

async function revokedFresh(
  deps: VaultDeps,
  tx: Store,
  { masterKey, reason, text }: EndWish,
  certificate: Certificate,
): Promise<Certificate | undefined> {
  if (masterKey === undefined) return undefined;
  const rows = await selectSecretKeys(tx, masterKey.id);
  const row = rows.find(({ fingerprint }) => fingerprint === certificate.fingerprint);
  using key = row === undefined ? undefined : await openKey(masterKey, row);
  if (key === undefined) return undefined;
  const now = deps.clock.now();
  return await revokeFresh({ key, certificate, reasonCode: CODES[reason], text, now });
}
