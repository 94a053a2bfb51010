/** Under which service keys rows are: a database whose service keys are not all here does not open. */
import { sql } from "kysely";

import type { Store } from "../store.ts";

type Next = (store: Store, after: string) => Promise<string | undefined>;

/** No installation has so many; rows that somebody else wrote may name more. */
const MAX_NAMES = 100;

/** The names of the service keys that rows name, each once. An empty name names none. */
export async function listServiceKeyNames(store: Store): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const next of [...SLOTS, ofLogins, ofRevocations, ofCopies, ofAudit, ofTagKey]) {
    let name = await next(store, "");
    while (name !== undefined && names.size < MAX_NAMES) {
      names.add(name);
      // From one name to the next along the index: the rows between them are not read.
      name = await next(store, name);
    }
  }
  return [...names].toSorted();
}

const SLOTS: readonly Next[] = (["password", "service", "provisional"] as const).map(
  (kind) => async (store, after) => {
    const row = await store.db
      .selectFrom("slots")
      .select("service_key")
      .where("kind", "=", kind)
      .where("service_key", ">", after)
      .orderBy("service_key")
      .limit(1)
      .executeTakeFirst();
    return row?.service_key;
  },
);

async function ofLogins(store: Store, after: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("accounts")
    .select("login_service_key")
    .where("login_kdf", "<>", sql.lit(""))
    .where("login_service_key", ">", after)
    .orderBy("login_service_key")
    .limit(1)
    .executeTakeFirst();
  return row?.login_service_key;
}

async function ofRevocations(store: Store, after: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("generic_revocations")
    .select("service_key")
    .where(sql<boolean>`(service_key <> '' or length(wrapped) > 0)`)
    .where("service_key", ">", after)
    .orderBy("service_key")
    .limit(1)
    .executeTakeFirst();
  return row?.service_key;
}

async function ofCopies(store: Store, after: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("outbox")
    .select("service_key")
    .where("service_key", ">", after)
    .orderBy("service_key")
    .limit(1)
    .executeTakeFirst();
  return row?.service_key;
}

async function ofAudit(store: Store, after: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("audit_macs")
    .select("service_key")
    .where("service_key", ">", after)
    .orderBy("service_key")
    .limit(1)
    .executeTakeFirst();
  return row?.service_key;
}

async function ofTagKey(store: Store, after: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("tag_key")
    .select("service_key")
    .where("service_key", ">", after)
    .executeTakeFirst();
  return row?.service_key;
}
