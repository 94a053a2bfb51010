/**
 * Makes a database from a backup. What was published since is merged from the file that `published-file.ts` keeps: a revocation
 * stays one. Without that file nothing is published until somebody says that it may be.
 */
import { existsSync, linkSync, rmSync } from "node:fs";

import { AppError } from "../base/errors.ts";
import {
  bodiesOfBackup,
  copyBodies,
  requireRoomForBodies,
  restoreBodies,
  type CopiedBodies,
} from "../blobs/copies.ts";
import type { Config } from "../config/config.ts";
import { appendAudit } from "../journal/journal.ts";
import { formatAddress } from "../mail/address.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { beginFilling, endFilling, hasTables } from "../store/engine/filling.ts";
import { isMigrated } from "../store/engine/migrate.ts";
import { restoreSqlite } from "../store/engine/sqlite.ts";
import { lastActionAt } from "../store/journal/audit-actions.ts";
import { findByFingerprint, type PublishedCertificate } from "../store/keys/certificates.ts";
import { putBackRevoked, stopServing, updatePublished } from "../store/keys/publish.ts";
import { publishedFileOf } from "../store/keys/published-file-of.ts";
import { readPublishedFile, type PublishedFile } from "../store/keys/published-file.ts";
import { holdPublication } from "../store/keys/published-version.ts";
import { openStore, type Store } from "../store/store.ts";
import {
  missingKeysText,
  missingServiceKeys,
  PUT_KEY_BACK,
} from "../vault/missing-service-keys.ts";
import { openVault, type Vault } from "./open-vault.ts";
import { dumpPostgres, fillPostgres } from "./postgres-programs.ts";
import { isFormerKeyLost, openServiceKeys } from "./service-key-file.ts";

const BACKED_UP = "database.backed-up";

/**
 * Writes a backup of the running database into a file that is not there yet, and what it has in the folder of bodies into a
 * folder beside that file.
 */
export async function backUp(vault: Vault, file: string): Promise<CopiedBodies> {
  const bodies = bodiesOfBackup(file);
  const there = [file, bodies].find((one) => existsSync(one));
  if (there !== undefined) {
    throw new AppError(`${there} is there already: name a file that is not`, { temporary: false });
  }
  // In the backup too: its time tells what happened since.
  await appendAudit(vault.store, { at: vault.clock.now(), action: BACKED_UP });
  const { database } = vault.config;
  if (database.engine === "sqlite") await vault.store.copyTo(file);
  else await dumpPostgres(database.url, file);
  // After the database: every body that it names was there before, unless it was deleted meanwhile.
  const from = vault.config.storage.bodiesFolder;
  return copyBodies(vault.store, { from, to: bodies });
}

/** What a restore came to. */
export type Restored = {
  /** When the backup was made. */
  readonly from: Date | undefined;
  /** How many certificates are revoked by what was published since. */
  readonly revoked: number;
  /** Whose keys were made since and are lost. */
  readonly lostKeys: readonly string[];
  /** Whose password was changed since: the password from before the backup is valid again. */
  readonly passwords: readonly string[];
  /** How many bodies of messages are not in the backup: these messages cannot be read. */
  readonly missingBodies: number;
  /** The file was not there: nothing is published. */
  readonly isHeld: boolean;
};

/**
 * Fills a place where there is no database, and brings it up to date.
 * @throws AppError when there is one, when the backup is damaged or newer than this program, and when it was made under a
 *   service key that is not here.
 */
export async function restore(
  config: Config,
  file: string,
  publishedFile: string,
): Promise<Restored> {
  if (!existsSync(file)) throw new AppError(`there is no file ${file}`, { temporary: false });
  await requireRoomForBodies(config.storage.bodiesFolder);
  // Before anything writes to it.
  const published = await readPublishedFile(publishedFile);
  if (config.database.engine === "postgres") {
    await fillEmpty(config, config.database.url, file);
    return merge(config, published, file);
  }
  const { path } = config.database;
  requireAway([path, `${path}-wal`]);
  // Nobody starts on the database before it is whole.
  const filling = `${path}.restoring`;
  removeDatabase(filling);
  await restoreSqlite(file, filling);
  const database: Config["database"] = { ...config.database, path: filling };
  try {
    await using store = await openStore(database);
    await requireServiceKeys(store, config);
    await endFilling(store);
  } catch (error) {
    removeDatabase(filling);
    throw error;
  }
  const restored = await merge({ ...config, database }, published, file);
  // Fails where somebody made a database meanwhile.
  linkSync(filling, path);
  rmSync(filling);
  return restored;
}

/** Nothing is published until what was published since is in the database. */
async function merge(
  config: Config,
  published: PublishedFile | undefined,
  file: string,
): Promise<Restored> {
  await using vault = await openVault(config);
  // Bodies before anybody uses the rows that name them.
  const bodies = { from: bodiesOfBackup(file), to: config.storage.bodiesFolder };
  const { missing } = await restoreBodies(vault.store, bodies);
  const from = await lastActionAt(vault.store, BACKED_UP);
  const restored = await vault.store.transaction(async (tx) => {
    const merged = published === undefined ? undefined : await mergePublished(tx, published);
    await appendAudit(tx, {
      at: vault.clock.now(),
      action: "database.restored",
      detail: { revoked: merged?.revoked ?? 0, held: merged === undefined },
    });
    await holdPublication(tx, merged === undefined);
    return merged;
  });
  return {
    from,
    revoked: restored?.revoked ?? 0,
    lostKeys: restored?.lost ?? [],
    passwords: await changedSince(vault.store, published, from),
    missingBodies: missing.length,
    isHeld: restored === undefined,
  };
}

/** The operator accepts what may have been un-revoked. */
export async function confirmRestore(vault: Vault): Promise<void> {
  await vault.store.transaction(async (tx) => {
    await appendAudit(tx, { at: vault.clock.now(), action: "database.restore-confirmed" });
    await holdPublication(tx, false);
  });
  // What is published from now on is kept, and begins with what is there.
  await vault.store.transaction(async (tx) => publishedFileOf(tx));
}

function requireAway(files: readonly string[]): void {
  const there = files.find((one) => existsSync(one));
  if (there === undefined) return;
  throw new AppError(
    `${there} is there: stop Sealpost, and move the database away with its -wal and -shm`,
    { temporary: false },
  );
}

function removeDatabase(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${end}`, { force: true });
}

/**
 * Nothing is written to a backup whose service keys are not all here: what is written would be under another key, and the
 * rows would look as if somebody had changed them. An operator says with `NAME.lost` that a key is lost.
 */
async function requireServiceKeys(store: Store, { secrets }: Config): Promise<void> {
  if (isFormerKeyLost(secrets.serviceKeyFile)) return;
  // The tables of an older version are brought up to date later.
  if (!(await isMigrated(store))) return;
  using serviceKeys = openServiceKeys(secrets.serviceKeyFile);
  const missing = await missingServiceKeys(store, serviceKeys);
  if (missing.length === 0) return;
  throw new AppError(
    `this backup was made under another service key: ${missingKeysText(missing)}; ${PUT_KEY_BACK}, then restore again`,
    { temporary: false },
  );
}

async function fillEmpty(config: Config, url: string, file: string): Promise<void> {
  await using store = await openStore({ engine: "postgres", url });
  if (await hasTables(store)) {
    throw new AppError(
      "there is a database already: stop Sealpost, rename the database, and make an empty one of its name " +
        "(ALTER DATABASE … RENAME TO …; CREATE DATABASE …)",
      { temporary: false },
    );
  }
  await beginFilling(store);
  await fillPostgres(url, file);
  // Otherwise no program starts on it: the operator makes another empty database.
  await requireServiceKeys(store, config);
  await endFilling(store);
}

async function mergePublished(
  tx: Store,
  { certificates, unserved }: PublishedFile,
): Promise<{ readonly revoked: number; readonly lost: readonly string[] }> {
  let revoked = 0;
  const lost: string[] = [];
  for (const since of certificates) {
    const here = await findByFingerprint(tx, since.fingerprint);
    const isRevoked = since.state !== "active";
    if (here === undefined) {
      if (isRevoked) await putBackRevoked(tx, since);
      // Nobody can open what is sealed to it any more, so it is not published again.
      else lost.push(formatAddress(since.address));
    } else if (isRevoked || isExtended(here, since)) {
      if (isRevoked && here.state === "active") revoked += 1;
      await updatePublished(tx, since.fingerprint, since);
    }
  }
  for (const fingerprint of unserved) await stopServing(tx, fingerprint);
  return { revoked, lost };
}

function isExtended(here: PublishedCertificate, since: PublishedCertificate): boolean {
  const end = ({ expiresAt }: PublishedCertificate) =>
    expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  return here.state === "active" && end(since) > end(here);
}

/** An account that is not in the backup has no password that is valid again. */
async function changedSince(
  store: Store,
  published: PublishedFile | undefined,
  from: Date | undefined,
): Promise<readonly string[]> {
  const changed = (published?.passwords ?? []).filter(({ at }) => from === undefined || at > from);
  const ids = new Set(changed.map(({ account }) => account));
  const read = await Promise.all([...ids].map(async (id) => readAccount(store, id)));
  return read.flatMap((one) => (one === undefined ? [] : [formatAddress(one.account.address)]));
}
