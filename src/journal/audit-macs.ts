/** The MACs of the audit log move to a new service key. */
import { macsUnderOthers, replaceAuditMac } from "../store/journal/audit.ts";
import type { Page } from "../store/keys/under-others.ts";
import type { Store } from "../store/store.ts";
import { macText } from "./journal.ts";

const MACS_A_PAGE = 500;

/**
 * Authenticates under the service key in force what is authenticated under former ones, so that these can be deleted. A
 * MAC that is wrong stays what it is. @returns how many were made.
 */
export async function renewAuditMacs(store: Store): Promise<number> {
  let made = 0;
  let after: Page<number>["after"];
  for (;;) {
    const page = { after, limit: MACS_A_PAGE };
    const done = await store.transaction(async (tx) => renewPage(tx, page));
    made += done.made;
    if (done.last === undefined) return made;
    after = done.last;
  }
}

async function renewPage(tx: Store, page: Page<number>) {
  const { auditMac } = tx;
  if (auditMac === undefined) return { made: 0, last: undefined };
  const { serviceKey: current } = auditMac.sign(new Uint8Array());
  const rows = await macsUnderOthers(tx, current, page);
  let made = 0;
  for (const row of rows) {
    const text = macText(row);
    if (auditMac.check(text, row) !== "good") continue;
    await replaceAuditMac(tx, { seq: row.seq, ...auditMac.sign(text) });
    made += 1;
  }
  const last = rows.at(-1);
  return { made, last: last && { serviceKey: last.serviceKey, name: last.seq } };
}
