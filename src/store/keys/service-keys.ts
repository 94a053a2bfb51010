/** The rows that are wrapped under a service key, by the name of that key: for its rotation. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { loginFrom, type LoginRow } from "../accounts/logins.ts";
import type { Store } from "../store.ts";
import { fromRow as revocationFrom, type GenericRevocationRow } from "./generic-revocations.ts";
import { type Page, pageUnderOthers } from "./under-others.ts";
import { slotFrom, type SlotKind, type SlotRow } from "./vault.ts";

/** Slots of a kind that are not under a service key, with whose they are. */
export async function slotsUnderOthers(
  store: Store,
  kind: SlotKind,
  serviceKey: string,
  page: Page,
): Promise<readonly { readonly slot: SlotRow; readonly owner: AccountId }[]> {
  const columns = ["slots.service_key", "slots.id"] as const;
  const rows = await pageUnderOthers(serviceKey, page, columns, async (range, limit) =>
    store.db
      .selectFrom("slots")
      .innerJoin("master_keys", "master_keys.id", "slots.master_key")
      .selectAll("slots")
      .select("master_keys.owner")
      .where("slots.kind", "=", kind)
      .where(range)
      .orderBy("slots.service_key")
      .orderBy("slots.id")
      .limit(limit)
      .execute(),
  );
  return rows.map((row) => ({ slot: slotFrom(row), owner: row.owner as AccountId }));
}

/** Puts a slot in place of the one that was read, if that is still there as it was. */
export async function replaceSlot(
  store: Store,
  read: SlotRow,
  next: Pick<SlotRow, "wrapped" | "serviceKey">,
): Promise<void> {
  await store.db
    .updateTable("slots")
    .set({ wrapped: next.wrapped, service_key: next.serviceKey })
    .where("id", "=", read.id)
    .where("service_key", "=", read.serviceKey)
    .execute();
}

/** Login verifiers under another service key, with the generation that each is bound to. */
export async function loginsUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page,
): Promise<
  readonly { readonly owner: AccountId; readonly generation: number; readonly login: LoginRow }[]
> {
  const columns = ["login_service_key", "id"] as const;
  const rows = await pageUnderOthers(serviceKey, page, columns, async (range, limit) =>
    store.db
      .selectFrom("accounts")
      .selectAll()
      .where("login_kdf", "<>", sql.lit(""))
      .where(range)
      .orderBy("login_service_key")
      .orderBy("id")
      .limit(limit)
      .execute(),
  );
  return rows.map((row) => ({
    owner: row.id as AccountId,
    generation: row.generation,
    login: loginFrom(row),
  }));
}

/** Puts a verifier in place of the one that was read, if that is still there as it was. */
export async function replaceLogin(
  store: Store,
  owner: AccountId,
  read: LoginRow,
  next: LoginRow,
): Promise<void> {
  await store.db
    .updateTable("accounts")
    .set({ login_verifier: next.verifier, login_service_key: next.serviceKey })
    .where("id", "=", owner)
    .where("login_verifier", "=", read.verifier)
    .execute();
}

/** Generic revocations that are kept under another service key; those of keys on their owners' devices are under none. */
export async function revocationsUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page,
): Promise<readonly GenericRevocationRow[]> {
  const columns = ["service_key", "fingerprint"] as const;
  const rows = await pageUnderOthers(serviceKey, page, columns, async (range, limit) =>
    store.db
      .selectFrom("generic_revocations")
      .selectAll()
      .where(sql<boolean>`(service_key <> '' or length(wrapped) > 0)`)
      .where(range)
      .orderBy("service_key")
      .orderBy("fingerprint")
      .limit(limit)
      .execute(),
  );
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
    .where("owner", "=", read.owner ?? "")
    .where("service_key", "=", read.serviceKey)
    .execute();
}

/** The IDs of waiting copies under another service key, with its name. */
export async function copiesUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page,
): Promise<readonly { readonly id: string; readonly serviceKey: string }[]> {
  const columns = ["service_key", "id"] as const;
  const rows = await pageUnderOthers(serviceKey, page, columns, async (range, limit) =>
    store.db
      .selectFrom("outbox")
      .select(["id", "service_key"])
      .where(range)
      .orderBy("service_key")
      .orderBy("id")
      .limit(limit)
      .execute(),
  );
  return rows.map((row) => ({ id: row.id, serviceKey: row.service_key }));
}
