/** Walks over the rows that are under another service key, along an index on the name of the key and of the row. */
import { type RawBuilder, sql } from "kysely";

/** Behind which row a walk goes on: the service key that the row is under, and its name. */
export type Place<Name = string> = { readonly serviceKey: string; readonly name: Name };

/** The next rows behind one of them, in the order of the service keys and then of the names. */
export type Page<Name = string> = {
  readonly after: Place<Name> | undefined;
  readonly limit: number;
};

/**
 * A page of the rows that are not under `serviceKey`: those before it in the index, then those behind it, so that none under
 * it is read. `columns` are those of the index. `read` reads the rows of a range in the order of the index.
 */
export async function pageUnderOthers<Row, Name>(
  serviceKey: string,
  { after, limit }: Page<Name>,
  columns: readonly [serviceKey: string, name: string],
  read: (range: RawBuilder<boolean>, limit: number) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const [key, name] = columns.map((column) => sql.ref(column));
  const behind = after && sql<boolean>`(${key}, ${name}) > (${after.serviceKey}, ${after.name})`;
  // Names of service keys are hexadecimal digits: they are in one order everywhere.
  if (behind !== undefined && after !== undefined && after.serviceKey > serviceKey) {
    return read(behind, limit);
  }
  const below = sql<boolean>`${key} < ${serviceKey}`;
  const first = await read(
    behind === undefined ? below : sql<boolean>`${behind} and ${below}`,
    limit,
  );
  if (first.length >= limit) return first;
  const rest = await read(sql<boolean>`${key} > ${serviceKey}`, limit - first.length);
  return [...first, ...rest];
}
