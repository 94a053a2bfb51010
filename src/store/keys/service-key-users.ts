import { fromUnixMs } from "../../base/time.ts";
import type { Store } from "../store.ts";

/** A process that writes under a service key, when it was last seen. */
export type ServiceKeyUser = {
  readonly process: string;
  readonly serviceKey: string;
  readonly seenAt: Date;
};

/** Says which service key a process writes under now. */
export async function noteServiceKeyUser(store: Store, user: ServiceKeyUser): Promise<void> {
  const values = { service_key: user.serviceKey, seen_at: user.seenAt.getTime() };
  await store.db
    .insertInto("service_key_users")
    .values({ process: user.process, ...values })
    .onConflict((conflict) => conflict.column("process").doUpdateSet(values))
    .execute();
}

/** The processes that were seen since. */
export async function listServiceKeyUsers(
  store: Store,
  since: Date,
): Promise<readonly ServiceKeyUser[]> {
  const rows = await store.db
    .selectFrom("service_key_users")
    .selectAll()
    .where("seen_at", ">=", since.getTime())
    .orderBy("process")
    .execute();
  return rows.map((row) => ({
    process: row.process,
    serviceKey: row.service_key,
    seenAt: fromUnixMs(row.seen_at),
  }));
}

/** Forgets a process that ended, and those that were not seen since. */
export async function forgetServiceKeyUsers(
  store: Store,
  ended: { readonly process?: string; readonly notSince: Date },
): Promise<void> {
  await store.db
    .deleteFrom("service_key_users")
    .where((user) =>
      user.or([
        user("seen_at", "<", ended.notSince.getTime()),
        user("process", "=", ended.process ?? ""),
      ]),
    )
    .execute();
}
