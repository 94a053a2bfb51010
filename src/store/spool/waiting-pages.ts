/** What waits for an account, in pages: however much waits, all of it is reached, and a page of it is in memory. */
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { COLUMNS, fromRow, type SpoolRow } from "./spool-rows.ts";

/** Where a page ends: the next one begins behind this message. It stays valid whatever comes or goes meanwhile. */
export type PlaceInSpool = { readonly receivedAt: Date; readonly id: string };

/** A page of what waits, in the order of arrival and of the IDs, or the other way round. */
export async function selectWaiting(
  store: Store,
  account: AccountId,
  o: {
    readonly first: "oldest" | "newest";
    readonly after: PlaceInSpool | undefined;
    readonly limit: number;
  },
): Promise<readonly SpoolRow[]> {
  const { first, after, limit } = o;
  const order = first === "oldest" ? "asc" : "desc";
  const query = store.db
    .selectFrom("spool")
    .select(COLUMNS)
    .where("account", "=", account)
    .orderBy("received_at", order)
    .orderBy("id", order)
    .limit(limit);
  const page =
    after === undefined
      ? query
      : query.where((row) => {
          // In pairs, which both engines find in the index.
          const place = row.refTuple("received_at", "id");
          const last = row.tuple(after.receivedAt.getTime(), after.id);
          return row(place, first === "oldest" ? ">" : "<", last);
        });
  return (await page.execute()).map((row) => fromRow(row, account));
}
