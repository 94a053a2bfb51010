/** A new service root key in place of the one in force, and the end of those before it. */
import { AppError } from "../base/errors.ts";
import { after, MINUTE } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { requireAllRewrapped, rewrapAll } from "../vault/rewrap.ts";
import { newServiceRoot, ServiceKey } from "../vault/service-key.ts";
import {
  adoptServiceKey,
  requireNoOtherUsers,
  rotateServiceKey,
} from "../vault/service-key-log.ts";
import type { Parts } from "./parts.ts";
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
  parts: Parts,
  { isResumed }: { readonly isResumed: boolean },
): Promise<number> {
  if (isResumed) await adoptServiceKey(parts);
  else await replaceInForce(parts);
  return rewrapAll(parts);
}

async function replaceInForce(parts: Parts): Promise<void> {
  const { serviceKeyFile } = parts.config.secrets;
  requireOwnFile(serviceKeyFile);
  using next = newServiceRoot();
  using named = new ServiceKey(next.clone());
  const ids = { from: parts.serviceKeys.current.id, to: named.id };
  await rotateServiceKey(parts, ids, () => {
    replaceServiceKey(serviceKeyFile, next);
  });
}

/**
 * Deletes the former service keys for good, once nothing needs them. `none`: there are none.
 * @throws AppError when they must stay.
 */
export async function retireServiceKeys(parts: Parts): Promise<"retired" | "none"> {
  const { serviceKeyFile } = parts.config.secrets;
  const since = formerSince(serviceKeyFile);
  if (since === undefined) return "none";
  const now = parts.clock.now();
  if (after(since, SETTLE_MS) > now) {
    throw new AppError(
      "the service key was rotated less than ten minutes ago, and something may still be written under the former one; try again later",
      { temporary: true },
    );
  }
  await requireNoOtherUsers(parts);
  requireAllRewrapped(await rewrapAll(parts));
  deleteFormerKeys(serviceKeyFile);
  await appendAudit(parts.store, { at: now, action: "service-key.retired" });
  return "retired";
}
