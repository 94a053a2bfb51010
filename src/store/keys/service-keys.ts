/** The rows that are wrapped under a service key, by the name of that key: for its rotation. */
import { slotFrom, type SlotRow } from "./vault.ts";
import { fromRow as revocationFrom, type GenericRevocationRow } from "./generic-revocations.ts";
import { loginFrom, type LoginRow } from "../accounts/logins.ts";
import type { Store } from "../store.ts";
import type { AccountId } from "../../words/account.ts";

/** Rows behind one of them, in the order of their names: slots by ID, revocations by fingerprint, copies by ID. */
export type Page = { readonly after: string; readonly limit: number };

/** The kinds of slots that the service key opens, alone or together with a password. */
const NEED_A_SERVICE_KEY = ["password", "service", "provisional"] as const;

/** Slots that the service key opens, alone or together with a password, and that are not under this one, with whose they are. */
export async function slotsUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page,
): Promise<readonly { readonly slot: SlotRow; readonly owner: AccountId }[]> {
  const rows = await store.db
    .selectFrom("slots")
    .innerJoin("master_keys", "master_keys.id", "slots.master_key")
    .selectAll("slots")
    .select("master_keys.owner")
    .where("slots.kind", "in", NEED_A_SERVICE_KEY)
    .where("slots.service_key", "<>", serviceKey)
    .where("slots.id", ">", page.after)
    .orderBy("slots.id")
    .limit(page.limit)
    .execute();
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
  const rows = await store.db
    .selectFrom("accounts")
    .selectAll()
    .where("login_kdf", "<>", "")
    .where("login_service_key", "<>", serviceKey)
    .where("id", ">", page.after)
    .orderBy("id")
    .limit(page.limit)
    .execute();
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
  const rows = await store.db
    .selectFrom("generic_revocations")
    .selectAll()
    .where("service_key", "<>", serviceKey)
    .where((row) => row.or([row("service_key", "<>", ""), row("wrapped", "<>", new Uint8Array())]))
    .where("fingerprint", ">", page.after)
    .orderBy("fingerprint")
    .limit(page.limit)
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
    .where("owner", "=", read.owner ?? "")
    .where("service_key", "=", read.serviceKey)
    .execute();
}

/** The IDs of waiting copies under another service key. */
export async function copiesUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page,
): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom("outbox")
    .select("id")
    .where("service_key", "<>", serviceKey)
    .where("id", ">", page.after)
    .orderBy("id")
    .limit(page.limit)
    .execute();
  return rows.map(({ id }) => id);
}
