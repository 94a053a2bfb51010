/** Rows as they are stored, which nobody but a test asks for. */
import { fromUnixMs } from "../../src/base/time.ts";
import { addressFrom } from "../../src/store/engine/row.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { withMac, type AuditRowWithMac } from "../../src/store/journal/audit.ts";
import type { Store } from "../../src/store/store.ts";

/** The row with a number, with its MAC; undefined when there is none. */
export async function readAudit(store: Store, seq: number): Promise<AuditRowWithMac | undefined> {
  const row = await store.db
    .selectFrom("audit")
    .leftJoin("audit_macs", "audit_macs.seq", "audit.seq")
    .selectAll("audit")
    .select(["audit_macs.service_key", "audit_macs.mac"])
    .where("audit.seq", "=", seq)
    .executeTakeFirst();
  return row && withMac(row);
}

type CachedRow = {
  readonly address: EmailAddress;
  readonly keyserver: string;
  readonly fetchedAt: Date;
  readonly freshUntil: Date;
};

/** Every entry with its age. */
export async function listCache(store: Store): Promise<readonly CachedRow[]> {
  const rows = await store.db
    .selectFrom("cached_certificates")
    .select(["mailbox", "keyserver", "fetched_at", "fresh_until"])
    .orderBy("address")
    .execute();
  return rows.map((row) => ({
    address: addressFrom(row.mailbox),
    keyserver: row.keyserver,
    fetchedAt: fromUnixMs(row.fetched_at),
    freshUntil: fromUnixMs(row.fresh_until),
  }));
}
