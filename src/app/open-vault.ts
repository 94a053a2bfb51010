/** The vault: the database with the keys that open what it holds, and the rules that new keys are made by. */
import { systemClock } from "../base/time.ts";
import { openBlobs, type BlobStore } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import { migrate, requireMigrated } from "../store/engine/migrate.ts";
import { hasPublished } from "../store/keys/certificates.ts";
import { publishedFileOf } from "../store/keys/published-file-of.ts";
import { openStore, type Store } from "../store/store.ts";
import { beginTags, holdAuditKeys } from "../vault/tag-keys.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { readEscrowCertificate } from "./escrow-file.ts";
import { isFormerKeyLost, openServiceKeys } from "./service-key-file.ts";

export type Vault = AsyncDisposable &
  Required<VaultDeps> & {
    /** As it was when the vault was opened. */
    readonly config: Config;
    readonly blobs: BlobStore;
    /** What new keys are made by. */
    readonly keyRules: KeyRules;
  };

export type VaultOptions = {
  /** A store that is open in this process already, and stays open; else one is opened. */
  readonly shared?: Store | undefined;
  /** The tables are not brought up to date. */
  readonly isReading?: boolean;
};

/**
 * Opens the database with its keys, and brings it up to date unless it is only read. No listener starts, and no timer.
 * @throws AppError when the service key or the escrow certificate cannot be used.
 * @throws Error when the database cannot be opened.
 */
export async function openVault(
  config: Config,
  { shared, isReading = false }: VaultOptions = {},
): Promise<Vault> {
  await using opening = new AsyncDisposableStack();
  const clock = systemClock;
  const serviceKeys = opening.use(openServiceKeys(config.secrets.serviceKeyFile));
  const store = shared ?? opening.use(await openStore(config.database));
  await (isReading ? requireMigrated(store) : migrate(store));
  holdAuditKeys(store, serviceKeys, isFormerKeyLost(config.secrets.serviceKeyFile));
  store.auditClock = clock;
  if (!isReading) {
    await beginTags(store, clock.now());
    await keepPublished(store, config.publishedFile);
  }
  const keyRules = await readKeyRules(config);
  const blobs = openBlobs({ store, clock }, config.storage);
  const opened = opening.move();
  return {
    config,
    keyRules,
    store,
    clock,
    serviceKeys,
    releaseLimits: config.revocations,
    blobs,
    removeBlobs: blobs.remove,
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/**
 * From now on what is published is appended to that file, which begins with what is published already: not before
 * something is, and not while publication is held.
 */
async function keepPublished(store: Store, file: string): Promise<void> {
  store.publishedFile = file;
  await store.transaction(async (tx) => {
    if (await hasPublished(tx)) await publishedFileOf(tx);
  });
}

/** @throws AppError when the escrow certificate cannot be used: keys must not be made without it. */
async function readKeyRules({ keys, escrow }: Config): Promise<KeyRules> {
  const { profile } = keys;
  if (escrow.certificateFile === undefined) return { profile };
  return { profile, escrow: await readEscrowCertificate(escrow.certificateFile) };
}
