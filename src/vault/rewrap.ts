/**
 * A rotation of the service key. What it wraps goes under the new one in batches, each its own transaction, while mail
 * flows: every row names its key. The former key is kept until nothing is under it.
 */
import { renewAuditMacs } from "../journal/audit-macs.ts";
import { appendAudit } from "../journal/journal.ts";
import {
  copiesUnderOthers,
  loginsUnderOthers,
  replaceLogin,
  replaceRevocation,
  replaceSlot,
  revocationsUnderOthers,
  slotsUnderOthers,
} from "../store/keys/service-keys.ts";
import { moveTagKey } from "../store/keys/tag-key.ts";
import type { Page, Place } from "../store/keys/under-others.ts";
import type { SlotKind, SlotRow } from "../store/keys/vault.ts";
import { readCopy, replaceCopy } from "../store/mail/outbox.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { moveVerifier } from "./login-verifier.ts";
import { openServiceSlot, rewrapPasswordSlot, rewrapServiceSlot, type SlotOwner } from "./slots.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrapMail, wrapMail } from "./wrap.ts";
import { unwrapRevocation, wrapRevocation } from "./wrapped-rows.ts";

const BATCH = 200;
/** How many octets of copies are wrapped in one transaction, at least a copy: others who write wait for its end. */
const BATCH_OCTETS = 4 * 1024 * 1024;
/** The kinds of slots that the service key opens, alone or together with a password. */
const NEED_A_SERVICE_KEY = ["password", "service", "provisional"] as const;

/** Wraps everything under the service key in force; may be interrupted and repeated. Says how many rows no key opens. */
export async function rewrapAll(deps: VaultDeps): Promise<number> {
  let unreadable = 0;
  for (const batch of [...NEED_A_SERVICE_KEY.map(slotsOf), logins, revocations, copies])
    unreadable += await rewrapTable(deps, batch);
  unreadable += await moveTagKey(deps.store);
  while ((await renewAuditMacs(deps.store)) > 0); // A process that has the former key still may have written meanwhile.
  const at = deps.clock.now();
  await appendAudit(deps.store, { at, action: "service-key.rewrapped", detail: { unreadable } });
  return unreadable;
}

/** What became of the rows behind `after`; `last` is where the next batch begins, undefined at the end. */
type Batch = {
  readonly moved: number;
  readonly unreadable: number;
  readonly last: Place | undefined;
};

type Rewrap = (deps: VaultDeps, tx: Store, page: Page) => Promise<Batch>;

/**
 * Goes through a table until nothing in it moves any more: a process that has not taken the new key up yet may have written
 * a row behind the walk. Says how many rows no key opens.
 */
async function rewrapTable(deps: VaultDeps, batch: Rewrap): Promise<number> {
  for (;;) {
    const { moved, unreadable } = await walkTable(deps, batch);
    if (moved === 0) return unreadable;
  }
}

/** A row that no key opens stays, and keeps none behind it from being reached. */
async function walkTable(deps: VaultDeps, batch: Rewrap): Promise<Omit<Batch, "last">> {
  let [moved, unreadable] = [0, 0];
  let after: Place | undefined;
  for (;;) {
    const page = { after, limit: BATCH };
    const done = await deps.store.transaction(async (tx) => batch(deps, tx, page));
    moved += done.moved;
    unreadable += done.unreadable;
    if (done.last === undefined) return { moved, unreadable };
    after = done.last;
  }
}

/** The place of a row that has its service key and its name, or none. */
function placeOf<Row>(
  row: Row | undefined,
  named: (row: Row) => readonly [serviceKey: string, name: string],
): Place | undefined {
  if (row === undefined) return undefined;
  const [serviceKey, name] = named(row);
  return { serviceKey, name };
}

function slotsOf(kind: SlotKind): Rewrap {
  return async (deps, tx, page) =>
    slots(deps, tx, await slotsUnderOthers(tx, kind, deps.serviceKeys.current.id, page));
}

async function slots(
  deps: VaultDeps,
  tx: Store,
  found: readonly { readonly slot: SlotRow; readonly owner: AccountId }[],
): Promise<Batch> {
  let moved = 0;
  for (const { slot, owner } of found) {
    const who = { owner, serviceKeys: deps.serviceKeys };
    const moving = rewrapped(who, slot);
    if (moving === undefined) continue;
    await replaceSlot(tx, slot, moving);
    moved += 1;
  }
  return {
    moved,
    unreadable: found.length - moved,
    last: placeOf(found.at(-1), ({ slot }) => [slot.serviceKey, slot.id]),
  };
}

/** The same slot under the service key in force, if one of ours opens it. */
function rewrapped(who: SlotOwner, slot: SlotRow): SlotRow | undefined {
  if (slot.kind === "password") return rewrapPasswordSlot(who, slot);
  if (slot.kind !== "service" && slot.kind !== "provisional") return undefined;
  using secret = openServiceSlot(who, slot);
  if (secret === undefined) return undefined;
  return rewrapServiceSlot(who, { id: slot.masterKey, secret }, slot);
}

async function logins(deps: VaultDeps, tx: Store, page: Page): Promise<Batch> {
  const { serviceKeys } = deps;
  const found = await loginsUnderOthers(tx, serviceKeys.current.id, page);
  let moved = 0;
  for (const { owner, generation, login } of found) {
    const of = { owner, generation };
    const next = moveVerifier(serviceKeys, login, of, of);
    if (next === login) continue;
    await replaceLogin(tx, owner, login, next);
    moved += 1;
  }
  return {
    moved,
    unreadable: found.length - moved,
    last: placeOf(found.at(-1), ({ owner, login }) => [login.serviceKey, owner]),
  };
}

async function revocations(deps: VaultDeps, tx: Store, page: Page): Promise<Batch> {
  const found = await revocationsUnderOthers(tx, deps.serviceKeys.current.id, page);
  let moved = 0;
  for (const row of found) {
    using revocation = unwrapRevocation(deps.serviceKeys, row);
    if (revocation === undefined || row.owner === undefined) continue;
    const { serviceKeys } = deps;
    const next = wrapRevocation(serviceKeys, row.owner, row.fingerprint, revocation.reveal());
    await replaceRevocation(tx, row, next);
    moved += 1;
  }
  return {
    moved,
    unreadable: found.length - moved,
    last: placeOf(found.at(-1), (row) => [row.serviceKey, row.fingerprint]),
  };
}

async function copies({ serviceKeys }: VaultDeps, tx: Store, page: Page): Promise<Batch> {
  const found = await copiesUnderOthers(tx, serviceKeys.current.id, page);
  let [moved, unreadable, octets] = [0, 0, 0];
  let last: Place | undefined;
  for (const { id, serviceKey } of found) {
    if (octets >= BATCH_OCTETS) break;
    last = { serviceKey, name: id };
    const copy = await readCopy(tx, id);
    // It was sent meanwhile.
    if (copy === undefined) continue;
    octets += copy.wrapped.length;
    const isMoved = await moveCopy(serviceKeys, tx, copy);
    if (isMoved) moved += 1;
    else unreadable += 1;
  }
  return { moved, unreadable, last };
}

/** What was a copy stays a copy, and a part a part, whatever its row says. False: it opens as neither. */
async function moveCopy(
  serviceKeys: VaultDeps["serviceKeys"],
  tx: Store,
  copy: Parameters<typeof openCopy>[2],
): Promise<boolean> {
  for (const purpose of ["outbox", "deferred"] as const) {
    const message = await openCopy(serviceKeys, purpose, copy);
    if (message === undefined) continue;
    const { id } = copy;
    await replaceCopy(tx, { id, ...(await wrapCopy(serviceKeys, purpose, id, message)) });
    return true;
  }
  return false;
}

/** What waits under the queue key: a copy for the next hop, or a part of a deferred message. Neither opens as the other. */
export type QueuePurpose = "outbox" | "deferred";

/** Wraps what waits under the queue key; its purpose and its `id` are bound to the bytes. */
export async function wrapCopy(
  serviceKeys: VaultDeps["serviceKeys"],
  purpose: QueuePurpose,
  id: string,
  bytes: Uint8Array,
): Promise<{ readonly wrapped: Uint8Array; readonly serviceKey: string }> {
  const serviceKey = serviceKeys.current;
  using key = serviceKey.for("queue");
  return { wrapped: await wrapMail(key, bytes, [purpose, id]), serviceKey: serviceKey.id };
}

/** What waits; undefined when the service key that it names does not open it, or is not here. */
export async function openCopy(
  serviceKeys: VaultDeps["serviceKeys"],
  purpose: QueuePurpose,
  {
    id,
    wrapped,
    serviceKey,
  }: {
    readonly id: string;
    readonly wrapped: Uint8Array;
    readonly serviceKey: string;
  },
): Promise<Uint8Array | undefined> {
  using key = serviceKeys.named(serviceKey)?.for("queue");
  return key && (await unwrapMail(key, wrapped, [purpose, id]));
}
