/** Under which service keys rows are: a database whose service keys are not all here does not open. */
import { type RawBuilder, sql } from "kysely";

import type { Store } from "../store.ts";

/** Where rows name a service key. `where` leaves out rows that may name none, by the condition of the column's index. */
type Place = {
  readonly table: string;
  readonly column: string;
  readonly where?: RawBuilder<unknown>;
};

const PLACES: readonly Place[] = [
  ...["password", "service", "provisional"].map((kind) => {
    return { table: "slots", column: "service_key", where: sql`kind = ${kind}` };
  }),
  { table: "accounts", column: "login_service_key", where: sql`login_kdf <> ''` },
  {
    table: "generic_revocations",
    column: "service_key",
    where: sql`(service_key <> '' or length(wrapped) > 0)`,
  },
  { table: "outbox", column: "service_key" },
  { table: "audit_macs", column: "service_key" },
  { table: "tag_key", column: "service_key" },
];

/** No installation has so many; rows that somebody else wrote may name more. */
const MAX_NAMES = 100;

/** The names of the service keys that rows name, each once. An empty name names none. */
export async function listServiceKeyNames(store: Store): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const place of PLACES) {
    let name = await nextName(store, place, "");
    while (name !== undefined && names.size < MAX_NAMES) {
      names.add(name);
      // From one name to the next along the index: the rows between them are not read.
      name = await nextName(store, place, name);
    }
  }
  return [...names].toSorted();
}

async function nextName(
  { db }: Store,
  { table, column, where }: Place,
  after: string,
): Promise<string | undefined> {
  const name = sql.ref(column);
  const condition = where === undefined ? sql`` : sql`${where} and`;
  const { rows } = await sql<{ name: string }>`
    select ${name} as name from ${sql.table(table)}
    where ${condition} ${name} > ${after} order by ${name} limit 1`.execute(db);
  return rows[0]?.name;
}
