/**
 * The service root key's file, and beside it `NAME.former`: keys that were in force before, until nothing is wrapped
 * under them. A rotation first keeps the old key there and then replaces the file. Both are done by renaming, so that an
 * interruption leaves every key that a row may need.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname } from "node:path";

import { AppError } from "../base/errors.ts";
import { isCredential, mayOthersRead } from "../base/private-file.ts";
import { Secret } from "../base/secret.ts";
import { SERVICE_KEY_BYTES, ServiceKey, ServiceKeys } from "../vault/service-key.ts";

/** Where former keys lie, one after the other, the newest first. */
export function formerFile(file: string): string {
  return `${file}.former`;
}

/** Whether an operator made `NAME.lost` beside the file: the service key before it is lost. */
export function isFormerKeyLost(file: string): boolean {
  return statSync(`${file}.lost`, { throwIfNoEntry: false }) !== undefined;
}

/**
 * The keys in the file and in the one beside it, read again whenever one of them was replaced.
 * @throws AppError when there is none, others may read it, or it has another length.
 */
export function openServiceKeys(file: string): ServiceKeys {
  let seen = "";
  return new ServiceKeys(() => {
    const now = `${markOf(file)} ${markOf(formerFile(file))}`;
    if (now === seen) return undefined;
    const roots = [...readRoots(file, 1), ...formerRoots(file)];
    seen = now;
    return roots.map((root) => new ServiceKey(root));
  });
}

/** Replaces the key in force by `next` and keeps it as former. @throws AppError for a credential, which systemd writes. */
export function replaceServiceKey(file: string, next: Secret): void {
  requireOwnFile(file);
  const kept = [...readRoots(file, 1), ...formerRoots(file)];
  replaceFile(formerFile(file), Buffer.concat(kept.map((root) => root.reveal())));
  replaceFile(file, next.reveal());
  for (const root of kept) root[Symbol.dispose]();
}

/** @throws AppError for a credential: nothing is to be written down before it is known that the key can be replaced. */
export function requireOwnFile(file: string): void {
  if (isCredential(file)) {
    throw new AppError(
      `the service key ${file} is a systemd credential: give the unit a new one, and the one before as ${basename(formerFile(file))}, restart it, then: sealpost service-key rotate --resume`,
      { temporary: false },
    );
  }
}

/** Since when there are former keys; undefined when there are none. */
export function formerSince(file: string): Date | undefined {
  return statSync(formerFile(file), { throwIfNoEntry: false })?.mtime;
}

/** Deletes the former keys for good: nothing may be wrapped under them any more. @throws AppError for a credential. */
export function deleteFormerKeys(file: string): void {
  const former = formerFile(file);
  if (isCredential(file)) {
    throw new AppError(
      `nothing needs the former service keys any more: take the credential ${basename(former)} from the unit, and delete what it is loaded from`,
      { temporary: false },
    );
  }
  const size = statSync(former, { throwIfNoEntry: false })?.size;
  if (size === undefined) return;
  overwrite(former, size);
  rmSync(former);
  syncFolder(file);
}

function formerRoots(file: string): readonly Secret[] {
  const former = formerFile(file);
  return statSync(former, { throwIfNoEntry: false }) === undefined ? [] : readRoots(former);
}

function readRoots(file: string, count?: number): readonly Secret[] {
  try {
    const { mode } = statSync(file);
    if (mayOthersRead(file, mode)) throw new Error("others may read it; do: chmod 600");
    const bytes = readFileSync(file);
    const roots = bytes.length / SERVICE_KEY_BYTES;
    if (!Number.isInteger(roots) || roots === 0 || (count !== undefined && roots !== count)) {
      throw new Error(`it is not ${SERVICE_KEY_BYTES} bytes long`);
    }
    const secrets = Array.from({ length: roots }, (_, at) => {
      const start = at * SERVICE_KEY_BYTES;
      return new Secret(Uint8Array.from(bytes.subarray(start, start + SERVICE_KEY_BYTES)));
    });
    bytes.fill(0);
    return secrets;
  } catch (cause) {
    throw new AppError(
      `the service key ${file} cannot be used; put it back from its backup, and if it is lost see docs/operate/keys.md`,
      { temporary: false, cause },
    );
  }
}

/** What changes when a file is replaced. */
function markOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "-" : `${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

function replaceFile(file: string, bytes: Uint8Array): void {
  const next = `${file}.next`;
  rmSync(next, { force: true });
  const handle = openSync(next, "wx", 0o600);
  try {
    writeFileSync(handle, bytes);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
  syncFolder(file);
}

function overwrite(file: string, size: number): void {
  const handle = openSync(file, "r+");
  try {
    writeFileSync(handle, Buffer.alloc(size));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A name is durable when its folder is. */
function syncFolder(file: string): void {
  const handle = openSync(dirname(file), "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
