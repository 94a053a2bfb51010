/** The rows that are wrapped under a service key, by the name of that key: for its rotation. */
import { slotFrom, type SlotRow } from "./vault.ts";
import { fromRow as revocationFrom, type GenericRevocationRow } from "./generic-revocations.ts";
import { addressFrom } from "./row.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";

const PASSWORD = "password";
const OF_THE_SERVICE = ["service", "provisional"] as const;

/** Slots that the service key opens and that are not under this one, with whose they are. */
export async function slotsUnderOthers(
  store: Store,
  serviceKey: string,
  limit: number,
): Promise<readonly { readonly slot: SlotRow; readonly owner: EmailAddress }[]> {
  const rows = await store.db
    .selectFrom("slots")
    .innerJoin("master_keys", "master_keys.id", "slots.master_key")
    .innerJoin("accounts", "accounts.address", "master_keys.owner")
    .selectAll("slots")
    .select("accounts.mailbox")
    .where("slots.kind", "in", OF_THE_SERVICE)
    .where("slots.service_key", "<>", serviceKey)
    .limit(limit)
    .execute();
  return rows.map((row) => ({ slot: slotFrom(row), owner: addressFrom(row.mailbox) }));
}

/** Puts a slot in place of one with the same ID. */
export async function replaceSlot(store: Store, slot: SlotRow): Promise<void> {
  await store.db
    .updateTable("slots")
    .set({ wrapped: slot.wrapped, service_key: slot.serviceKey })
    .where("id", "=", slot.id)
    .execute();
}

/** Generic revocations that are kept under another service key. */
export async function revocationsUnderOthers(
  store: Store,
  serviceKey: string,
  limit: number,
): Promise<readonly GenericRevocationRow[]> {
  const rows = await store.db
    .selectFrom("generic_revocations")
    .selectAll()
    .where("service_key", "<>", serviceKey)
    .where("wrapped", "<>", new Uint8Array())
    .limit(limit)
    .execute();
  return rows.map(revocationFrom);
}

/** Puts a revocation in place of the one that was read, if that is still there as it was. */
export async function replaceRevocation(
  store: Store,
  read: GenericRevocationRow,
  next: Pick<GenericRevocationRow, "wrapped" | "serviceKey">,
): Promise<void> {
  await store.db
    .updateTable("generic_revocations")
    .set({ wrapped: next.wrapped, service_key: next.serviceKey })
    .where("fingerprint", "=", read.fingerprint)
    .where("owner", "=", read.owner)
    .where("service_key", "=", read.serviceKey)
    .execute();
}

/** Waiting copies under another service key: their IDs and bytes. */
export async function copiesUnderOthers(
  store: Store,
  serviceKey: string,
  limit: number,
): Promise<
  readonly { readonly id: string; readonly wrapped: Uint8Array; readonly serviceKey: string }[]
> {
  const rows = await store.db
    .selectFrom("outbox")
    .select(["id", "wrapped", "service_key"])
    .where("service_key", "<>", serviceKey)
    .limit(limit)
    .execute();
  return rows.map((row) => ({ id: row.id, wrapped: row.wrapped, serviceKey: row.service_key }));
}

/** Puts other bytes in place of a waiting copy's, if it still waits. */
export async function replaceCopy(
  store: Store,
  copy: { readonly id: string; readonly wrapped: Uint8Array; readonly serviceKey: string },
): Promise<void> {
  await store.db
    .updateTable("outbox")
    .set({ wrapped: copy.wrapped, service_key: copy.serviceKey })
    .where("id", "=", copy.id)
    .execute();
}

/**
 * How many accounts have a password slot that another service key took part in: it is made anew when they log in. The
 * parked slots of forgotten passwords count too.
 */
export async function countPasswordsUnderOthers(store: Store, serviceKey: string): Promise<number> {
  const row = await store.db
    .selectFrom("slots")
    .select((expression) => expression.fn.countAll<number>().as("count"))
    .where("kind", "=", PASSWORD)
    .where("service_key", "<>", serviceKey)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
