import { DatabaseSync, type StatementSync } from "node:sqlite";

import { fromUnixMs, SECOND } from "../../base/time.ts";
import type { CanonicalAddress, Domain } from "../../mail/address.ts";
import type { Fingerprint, KeyId } from "../../openpgp/packets/fingerprint.ts";
import { openPool, READ_ONLY } from "../engine/postgres.ts";
import { compareLog } from "../engine/write-ahead-log.ts";
import type { StoreOptions } from "../store.ts";
import { restrictToPublished } from "./keyserver-role.ts";

/** What a keyserver needs of a published row. */
export type ViewedCertificate = {
  readonly fingerprint: Fingerprint;
  readonly version: 4 | 6;
  readonly bytes: Uint8Array;
  readonly expiresAt?: Date;
  readonly isRevoked: boolean;
  readonly domain: Domain;
};

/** SQLite answers at once, PostgreSQL later. */
export type Viewed = readonly ViewedCertificate[] | Promise<readonly ViewedCertificate[]>;

/**
 * The published rows as a keyserver reads them, on a handle of its own that can read nothing else. Each look-up is one
 * statement that is prepared once: what it answers is what was committed when it was asked, by whichever process, and
 * nothing is kept from one to the next. The statements are written by hand, for both engines alike (ADR 0009).
 */
export type PublishedView = AsyncDisposable & {
  /** The active certificate of an address, expired or not. */
  readonly byAddress: (address: CanonicalAddress) => Viewed;
  /** As `byAddress`, by the name that a Web Key Directory gives an address: `HASH@DOMAIN`. */
  readonly byDirectoryName: (name: string) => Viewed;
  /** Every certificate, revoked ones too, whose primary key or subkey this is; the newest first. */
  readonly byId: (id: Fingerprint | KeyId) => Viewed;
  /**
   * Runs work that looks up for several who have asked already. On SQLite it is one read transaction, which is what most of
   * the time of a look-up goes into otherwise; it begins after they asked, so it is fresh for each.
   */
  readonly together: (work: () => void) => void;
  /** Reads the file that has the database's name now, and says why, if the handle had lost it. */
  readonly refresh: () => string | undefined;
};

const COLUMNS = "c.fingerprint, c.version, c.state, c.bytes, c.expires_at, c.address";
const FROM = "from published_certificates c";
/** The statement of each look-up; `$1` is what is asked for. */
export const LOOK_UPS = {
  byAddress: `select ${COLUMNS} ${FROM} where c.state = 'active' and c.address = $1 and c.hidden = 0`,
  byDirectoryName: `select ${COLUMNS} ${FROM} where c.state = 'active' and c.wkd = $1 and c.hidden = 0`,
  byId: `select ${COLUMNS} ${FROM} join certificate_ids i on i.fingerprint = c.fingerprint where i.id = $1
      and (c.hidden = 0 or c.state <> 'active')
    order by c.created_at desc, c.fingerprint`,
} as const;

const BUSY_TIMEOUT_MS = SECOND;
/** As much as SQLite maps: pages come from the system's memory without a call and a copy each. */
const MAPPED_BYTES = 2 ** 31;
const CONNECT_TIMEOUT_MS = 5 * SECOND;
const QUERY_TIMEOUT_MS = 5 * SECOND;

/** Opens the view, read-only. @throws Error when the database cannot be opened or its tables are not there. */
export function openPublishedView(options: StoreOptions): PublishedView {
  return options.engine === "sqlite" ? openSqlite(options.path) : openPostgres(options.url);
}

function openSqlite(path: string): PublishedView {
  let handle = openHandle(path);
  return {
    byAddress: (key) => handle.byAddress(key),
    byDirectoryName: (key) => handle.byDirectoryName(key),
    byId: (id) => handle.byId(id),
    together: (work) => {
      handle.together(work);
    },
    refresh: () => {
      const state = compareLog(path);
      if (state.kind === "same") return undefined;
      // A handle that writes nothing loses nothing: the next one reads the file that has the name now.
      const former = handle;
      handle = openHandle(path);
      former.close();
      return state.why;
    },
    [Symbol.asyncDispose]: async () => {
      handle.close();
      return Promise.resolve();
    },
  };
}

type Handle = Pick<PublishedView, "byAddress" | "byDirectoryName" | "byId" | "together"> & {
  readonly close: () => void;
};

function openHandle(path: string): Handle {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  database.exec(
    `pragma trusted_schema = off; pragma temp_store = memory; pragma mmap_size = ${String(MAPPED_BYTES)}`,
  );
  // The first look opens the write-ahead log.
  database.prepare("select count(*) from published_certificates").get();
  restrictToPublished(database);
  const prepared = (sql: string): StatementSync => {
    const statement = database.prepare(sql.replaceAll("$1", "?1"));
    statement.setReturnArrays(true);
    return statement;
  };
  // At most one row is active: an index sees to it.
  const one = (sql: string) => {
    const statement = prepared(sql);
    return (key: string): Viewed => {
      const row = statement.get(key) as Row | undefined;
      return row === undefined ? [] : [fromRow(row)];
    };
  };
  const all = prepared(LOOK_UPS.byId);
  const begin = database.prepare("begin");
  const commit = database.prepare("commit");
  return {
    byAddress: one(LOOK_UPS.byAddress),
    byDirectoryName: one(LOOK_UPS.byDirectoryName),
    byId: (id) => (all.all(id) as unknown as readonly Row[]).map(fromRow),
    together: (work) => {
      begin.run();
      try {
        work();
      } finally {
        commit.run();
      }
    },
    close: () => {
      database.close();
    },
  };
}

function openPostgres(url: string): PublishedView {
  const pool = openPool(url, {
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    options: READ_ONLY,
  });
  const select =
    (name: keyof typeof LOOK_UPS) =>
    async (key: string): Promise<readonly ViewedCertificate[]> => {
      // Under a name, so that each connection parses and plans it once.
      const query = { name, text: LOOK_UPS[name], values: [key], rowMode: "array" as const };
      const { rows } = await pool.query<Row>(query);
      return rows.map(fromRow);
    };
  return {
    byAddress: select("byAddress"),
    byDirectoryName: select("byDirectoryName"),
    byId: select("byId"),
    together: (work) => {
      work();
    },
    refresh: () => undefined,
    [Symbol.asyncDispose]: async () => pool.end(),
  };
}

/** In the order of `COLUMNS`. */
type Row = [
  fingerprint: string,
  version: number,
  state: string,
  bytes: Uint8Array,
  expiresAt: number,
  address: string,
];

function fromRow([fingerprint, version, state, bytes, expiresAt, address]: Row): ViewedCertificate {
  const found = {
    fingerprint: fingerprint as Fingerprint,
    version: version === 6 ? (6 as const) : (4 as const),
    isRevoked: state !== "active",
    bytes,
    domain: address.slice(address.lastIndexOf("@") + 1) as Domain,
  };
  return expiresAt === 0 ? found : { ...found, expiresAt: fromUnixMs(expiresAt) };
}
