import { sql } from "kysely";

import type { CanonicalAddress } from "../../mail/address.ts";
import type { Store } from "../store.ts";
import { indexedName } from "./trace-names.ts";

const PAGE = 500;

/** What may stand beside an address, and would make it the end or the beginning of another one. */
const BEFORE = String.raw`(?<![\p{L}\p{N}.!#$%&'*+/=?^_\x60{|}~-])`;
const BEHIND = String.raw`(?![\p{L}\p{N}-]|\.[\p{L}\p{N}])`;

/**
 * Deletes what was decided about each message whose story names one of the addresses, in any case, in the caller's
 * transaction. An index finds them, but for local parts that are quoted or not ASCII: for these it reads the whole trace.
 */
export async function eraseTrace(
  store: Store,
  addresses: readonly CanonicalAddress[],
): Promise<void> {
  const others = addresses.filter((one) => indexedName(one) === undefined);
  for (const one of addresses) {
    if (!others.includes(one)) await erase(store, [one], indexedMentions);
  }
  if (others.length > 0) await erase(store, others, mentions);
}

async function erase(
  store: Store,
  addresses: readonly CanonicalAddress[],
  find: typeof mentions,
): Promise<void> {
  for (let after = 0; ;) {
    const rows = await find(store, addresses, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    const found = rows.filter(({ detail }) => addresses.some((one) => names(detail, one)));
    for (const { id, message_id: messageId } of found) {
      // Messages without an ID have nothing else in common.
      const query = store.db.deleteFrom("trace");
      const one =
        messageId === "" ? query.where("id", "=", id) : query.where("message_id", "=", messageId);
      await one.execute();
    }
    after = last.id;
  }
}

/** Rows that name it, by the index. */
async function indexedMentions(
  store: Store,
  [address]: readonly CanonicalAddress[],
  after: number,
) {
  const ids = await store.db
    .selectFrom("trace_names")
    .select("trace")
    .where("name", "=", indexedName(address ?? "") ?? "")
    .where("trace", ">", after)
    .orderBy("trace")
    .limit(PAGE)
    .execute();
  if (ids.length === 0) return [];
  return store.db
    .selectFrom("trace")
    .select(["id", "message_id", "detail"])
    .where(
      "id",
      "in",
      ids.map(({ trace }) => trace),
    )
    .orderBy("id")
    .execute();
}

/** Rows that may name it: `like` tells case apart on PostgreSQL and not on SQLite. */
async function mentions(store: Store, addresses: readonly CanonicalAddress[], after: number) {
  const mayName = addresses.map((address) => {
    const text = inJson(address).replaceAll(/[\\%_]/g, String.raw`\$&`);
    return sql<boolean>`lower(detail) like lower(${`%${text}%`}) escape '\\'`;
  });
  return store.db
    .selectFrom("trace")
    .select(["id", "message_id", "detail"])
    .where("id", ">", after)
    .where((row) => row.or(mayName))
    .orderBy("id")
    .limit(PAGE)
    .execute();
}

function names(detail: string, address: CanonicalAddress): boolean {
  const text = inJson(address).replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
  return new RegExp(`${BEFORE}${text}${BEHIND}`, "iu").test(detail);
}

/** As it stands between quotes; where its local part is quoted, the domain tells the row apart together with it. */
function inJson(address: CanonicalAddress): string {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at)];
  const isPlain = /^[^\s"\\(),:;<>@[\]]+$/u.test(local) && !/^\.|\.$|\.\./.test(local);
  const written = isPlain ? local : `"${local.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return JSON.stringify(written + domain).slice(1, -1);
}
