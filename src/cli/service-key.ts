import {
  deleteFormerKeys,
  formerSince,
  replaceServiceKey,
  requireOwnFile,
} from "../app/service-key-file.ts";
import { AppError } from "../base/errors.ts";
import { after, MINUTE } from "../base/time.ts";
import { appendAudit } from "../journal/audit.ts";
import { requireAllRewrapped, rewrapAll } from "../keys/rewrap.ts";
import { newServiceRoot, ServiceKey } from "../keys/service-key.ts";
import { adoptServiceKey, requireNoOtherUsers, rotateServiceKey } from "../keys/service-key-log.ts";
import { answer, type Call, type Command, type ExitCode } from "./command.ts";
import { openFor } from "./open.ts";

/** `service-key rotate` and `retire`. */
export const serviceKeyCommands: readonly Command[] = [
  {
    name: "service-key rotate",
    operands: [],
    summary: "a new service root key; what the old one wrapped goes under it. Mail flows on",
    options: { resume: { help: "after an interruption: no new key, only what is left" } },
    run: rotate,
  },
  {
    name: "service-key retire",
    operands: [],
    summary: "delete former service keys for good, once nothing needs them",
    options: {},
    run: retire,
  },
];

/** Running processes take up the new key by themselves, and what they have in hand is written within this time. */
const SETTLE_MS = 10 * MINUTE;

async function rotate(call: Call): Promise<ExitCode> {
  await using parts = await openFor(call);
  if (!call.has("resume")) {
    requireOwnFile(parts.config.secrets.serviceKeyFile);
    using next = newServiceRoot();
    using named = new ServiceKey(next.clone());
    const ids = { from: parts.serviceKeys.current.id, to: named.id };
    await rotateServiceKey(parts, ids, () => {
      replaceServiceKey(parts.config.secrets.serviceKeyFile, next);
    });
  }
  if (call.has("resume")) await adoptServiceKey(parts);
  const unreadable = await rewrapAll(parts);
  const left = unreadable === 0 ? "" : `, but for ${unreadable} rows that no service key opens`;
  return answer(call, { unreadable }, [
    `the new service key is in force and everything is wrapped under it${left}`,
    "back up the new key file; delete the former one with: sealpost service-key retire",
  ]);
}

async function retire(call: Call): Promise<ExitCode> {
  try {
    const reason = await deleteUnneeded(call);
    return answer(call, { isRetired: reason === null, reason }, [
      reason ?? "deleted the former service keys for good",
    ]);
  } catch (error) {
    // Programs read the reason where they read the answer.
    if (call.isJson && error instanceof AppError) {
      answer(call, { isRetired: false, reason: error.message }, []);
    }
    throw error;
  }
}

/** Null, or why there is nothing to do. @throws AppError when they must stay. */
async function deleteUnneeded(call: Call): Promise<string | null> {
  await using parts = await openFor(call);
  const { serviceKeyFile } = parts.config.secrets;
  const since = formerSince(serviceKeyFile);
  if (since === undefined) return "there is no former service key";
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
  return null;
}
