/**
 * A rotation of the service key. What it wraps goes under the new one in batches, each its own transaction, while mail
 * flows: every row names its key. Password slots hold a pepper made from it and can be made anew only when their owner
 * logs in; so the former key is kept until then, or until somebody decides to wait no longer.
 */
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { parseAddress } from "../mail/address.ts";
import {
  copiesUnderOthers,
  countPasswordsUnderOthers,
  replaceCopy,
  replaceRevocation,
  replaceSlot,
  revocationsUnderOthers,
  slotsUnderOthers,
} from "../store/service-keys.ts";
import type { Store } from "../store/store.ts";
import { openServiceSlot, serviceSlot } from "./slots.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrap, wrap } from "./wrap.ts";
import { unwrapRevocation, wrapRevocation } from "./wrapped-rows.ts";

/** What is under a former service key. */
export type UnderFormer = {
  /** Rows that could not be moved: none of the keys opens them. */
  readonly unreadable: number;
  /** Password slots, which wait for a login. */
  readonly passwords: number;
};

const BATCH = 200;

/** Wraps everything under the service key in force; may be interrupted and repeated. Says what is left. */
export async function rewrapAll(deps: VaultDeps): Promise<UnderFormer> {
  let unreadable = 0;
  for (const batch of [slots, revocations, copies]) {
    for (;;) {
      const { moved, stuck } = await deps.store.transaction(async (tx) => batch(deps, tx));
      if (moved > 0) continue;
      unreadable += stuck;
      break;
    }
  }
  const { id } = deps.serviceKeys.current;
  const passwords = await countPasswordsUnderOthers(deps.store, id);
  const detail = { unreadable, passwords };
  await appendAudit(deps.store, { at: deps.clock.now(), action: "service-key.rewrapped", detail });
  return { unreadable, passwords };
}

type Batch = { readonly moved: number; readonly stuck: number };

async function slots(deps: VaultDeps, tx: Store): Promise<Batch> {
  const found = await slotsUnderOthers(tx, deps.serviceKeys.current.id, BATCH);
  let moved = 0;
  for (const { slot, owner } of found) {
    const who = { owner, serviceKeys: deps.serviceKeys };
    using secret = openServiceSlot(who, slot);
    if (secret === undefined || (slot.kind !== "service" && slot.kind !== "provisional")) continue;
    const masterKey = { id: slot.masterKey, secret };
    await replaceSlot(tx, serviceSlot(who, masterKey, slot.kind, slot.createdAt, slot.id));
    moved += 1;
  }
  return { moved, stuck: found.length - moved };
}

async function revocations(deps: VaultDeps, tx: Store): Promise<Batch> {
  const found = await revocationsUnderOthers(tx, deps.serviceKeys.current.id, BATCH);
  let moved = 0;
  for (const row of found) {
    using revocation = unwrapRevocation(deps.serviceKeys, row);
    const owner = parseAddress(row.owner);
    if (revocation === undefined || owner === undefined) continue;
    const { serviceKeys } = deps;
    const next = wrapRevocation(serviceKeys, owner, row.fingerprint, revocation.reveal());
    await replaceRevocation(tx, row, next);
    moved += 1;
  }
  return { moved, stuck: found.length - moved };
}

async function copies({ serviceKeys }: VaultDeps, tx: Store): Promise<Batch> {
  const found = await copiesUnderOthers(tx, serviceKeys.current.id, BATCH);
  let moved = 0;
  for (const { id, wrapped, serviceKey } of found) {
    using message = openCopy(serviceKeys, id, wrapped, serviceKey);
    if (message === undefined) continue;
    await replaceCopy(tx, { id, ...wrapCopy(serviceKeys, id, message.reveal()) });
    moved += 1;
  }
  return { moved, stuck: found.length - moved };
}

/** Wraps a waiting copy under the queue key; `id` is bound to the bytes. */
export function wrapCopy(
  serviceKeys: VaultDeps["serviceKeys"],
  id: string,
  bytes: Uint8Array,
): { readonly wrapped: Uint8Array; readonly serviceKey: string } {
  const serviceKey = serviceKeys.current;
  using key = serviceKey.for("queue");
  return { wrapped: wrap(key, bytes, ["outbox", id]), serviceKey: serviceKey.id };
}

/** A waiting copy; undefined when no service key opens it. */
export function openCopy(
  serviceKeys: VaultDeps["serviceKeys"],
  id: string,
  wrapped: Uint8Array,
  serviceKey: string,
): Secret | undefined {
  for (const candidate of serviceKeys.candidates(serviceKey)) {
    using key = candidate.for("queue");
    const secret = unwrap(key, wrapped, ["outbox", id]);
    if (secret !== undefined) return secret;
  }
  return undefined;
}

/** @throws AppError when something would be lost with the former keys. */
export function requireNothingLeft({ unreadable, passwords }: UnderFormer, force: boolean): void {
  if (unreadable > 0) {
    throw new AppError(
      `${unreadable} rows open with none of the service keys; the former ones are kept`,
      { temporary: false },
    );
  }
  if (passwords > 0 && !force) {
    throw new AppError(
      `${passwords} password slots still need the former key: each is made anew at its owner's next login. ` +
        "Wait, or give --force: whoever has not logged in then needs a recovery code or a reset",
      { temporary: false },
    );
  }
}
