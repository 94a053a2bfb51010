/** A new service root key in place of the one in force, and the end of those before it. */
import { after, MINUTE } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { rewrapAll } from "../vault/rewrap.ts";
import { adoptServiceKey, otherUsers, rotateServiceKey } from "../vault/service-key-log.ts";
import { newServiceRoot, ServiceKey } from "../vault/service-key.ts";
import type { Vault } from "./open-vault.ts";
import {
  deleteFormerKeys,
  formerSince,
  replaceServiceKey,
  requireOwnFile,
} from "./service-key-file.ts";

/** Running processes take up the new key by themselves, and what they have in hand is written within this time. */
const SETTLE_MS = 10 * MINUTE;

/**
 * Puts a new service key in force and wraps everything under it; `isResumed`: the key is there already, and only what an
 * interruption left is wrapped.
 * @returns how many rows no service key opens.
 * @throws AppError when the file of the key cannot be replaced.
 */
export async function rotateService(
  vault: Vault,
  { isResumed }: { readonly isResumed: boolean },
): Promise<number> {
  if (isResumed) await adoptServiceKey(vault);
  else await replaceInForce(vault);
  return rewrapAll(vault);
}

async function replaceInForce(vault: Vault): Promise<void> {
  const { serviceKeyFile } = vault.config.secrets;
  requireOwnFile(serviceKeyFile);
  using next = newServiceRoot();
  using named = new ServiceKey(next.clone());
  const ids = { from: vault.serviceKeys.current.id, to: named.id };
  await rotateServiceKey(vault, ids, () => {
    replaceServiceKey(serviceKeyFile, next);
  });
}

/** What came of retiring former service keys. */
export type Retirement =
  | { readonly kind: "retired" }
  /** There is none to retire. */
  | { readonly kind: "no-former-key" }
  /** Within ten minutes of a rotation something may still be written under the former key. */
  | { readonly kind: "rotated-just-now" }
  /** These processes still write under it. */
  | { readonly kind: "former-key-in-use"; readonly processes: readonly string[] }
  /** No service key opens so many rows: one of the former keys may be needed for them. */
  | { readonly kind: "rows-unreadable"; readonly rows: number };

/** Deletes the former service keys for good, once nothing needs them. */
export async function retireServiceKeys(vault: Vault): Promise<Retirement> {
  const { serviceKeyFile } = vault.config.secrets;
  const since = formerSince(serviceKeyFile);
  if (since === undefined) return { kind: "no-former-key" };
  const now = vault.clock.now();
  if (after(since, SETTLE_MS) > now) return { kind: "rotated-just-now" };
  const processes = await otherUsers(vault);
  if (processes.length > 0) return { kind: "former-key-in-use", processes };
  const rows = await rewrapAll(vault);
  if (rows > 0) return { kind: "rows-unreadable", rows };
  deleteFormerKeys(serviceKeyFile);
  await appendAudit(vault.store, { at: now, action: "service-key.retired" });
  return { kind: "retired" };
}
