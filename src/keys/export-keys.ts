/** Keys handed out: the certificate to anybody, the secret key to its owner, locked with a passphrase. */
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import { lockForExport } from "../openpgp/keys/lock-for-export.ts";
import { armorKey } from "../openpgp/packets/armor.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { listPublished } from "../store/keys/certificates.ts";
import { selectSecretKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { openKey } from "../vault/open-keys.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { latestPublished } from "./key-list.ts";

/** A certificate in ASCII armor. */
export type ExportedCertificate = {
  readonly fingerprint: Fingerprint;
  readonly armor: Uint8Array;
};

/** The certificate of an address with this fingerprint, or the active one, or the newest; undefined when there is none. */
export async function exportCertificate(
  store: Store,
  address: EmailAddress,
  wanted?: Fingerprint,
): Promise<ExportedCertificate | undefined> {
  const found =
    wanted === undefined
      ? await latestPublished(store, address)
      : (await listPublished(store, address)).find(({ fingerprint }) => fingerprint === wanted);
  if (found === undefined) return undefined;
  return { fingerprint: found.fingerprint, armor: armorKey("PUBLIC", found.bytes) };
}

/**
 * A secret key in ASCII armor, locked with a passphrase. It is written to the audit log before it is handed out. Undefined
 * when it is not kept under this master key, or its row is not as it was written.
 */
export async function exportSecretKey(
  { store, clock }: Pick<VaultDeps, "store" | "clock">,
  masterKey: MasterKey,
  o: { readonly fingerprint: Fingerprint; readonly passphrase: Secret },
): Promise<Uint8Array | undefined> {
  const { fingerprint, passphrase } = o;
  const rows = await selectSecretKeys(store, masterKey.id);
  const row = rows.find((one) => one.fingerprint === fingerprint);
  using key = row === undefined ? undefined : await openKey(masterKey, row);
  if (key === undefined) return undefined;
  const locked = await lockForExport(key, passphrase);
  const [at, account] = [clock.now(), masterKey.owner];
  await appendAudit(store, { at, action: "key.exported", account, detail: { fingerprint } });
  return armorKey("PRIVATE", locked);
}
