/** Very many messages that wait, for what must reach all of them. They share one body, which nobody opens. */
import { randomUUID } from "node:crypto";

import type { AccountId } from "../../src/words/account.ts";
import type { MessageVerdict } from "../../src/mailbox/mailbox.ts";
import { insertBlob } from "../../src/store/mail/blobs.ts";
import { countWaiting } from "../../src/store/spool/spool-use.ts";
import { verdictText } from "../../src/store/mail/verdict.ts";
import type { Store } from "../../src/store/store.ts";

/** Rows of one insert. */
const AT_ONCE = 500;

/** Adds messages that came at `from` and in the milliseconds after it, a few of them in each. @returns their IDs in order. */
export async function haveManyWaiting(
  store: Store,
  account: AccountId,
  o: {
    readonly count: number;
    readonly from: Date;
    readonly verdict: MessageVerdict;
    readonly outerFrom?: string;
  },
): Promise<readonly string[]> {
  const { count, from, verdict, outerFrom = "" } = o;
  const rows = Array.from({ length: count }, (_none, at) => ({
    id: randomUUID() as string,
    at: from.getTime() + Math.floor(at / 3),
  })).toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  await store.transaction(async (tx) => {
    const blob = randomUUID();
    const octets = Buffer.from("body");
    const sizeBytes = octets.length;
    await insertBlob(tx, account, { place: "database", id: blob, sizeBytes, octets });
    for (let first = 0; first < count; first += AT_ONCE) {
      const values = rows.slice(first, first + AT_ONCE).map(({ id, at }, index) => ({
        id,
        account,
        form: "sealed",
        blob,
        summary: new Uint8Array(),
        outer_from: outerFrom,
        message_id: `${String(first + index)}@many.test`,
        envelope_id: id,
        content_hash: new Uint8Array(),
        size_bytes: sizeBytes,
        stored_bytes: 0,
        received_at: at,
        verdict: verdictText(verdict),
        folder: "inbox",
        flags: 0,
      }));
      await tx.db.insertInto("spool").values(values).execute();
    }
    await countWaiting(tx, account, { messages: count, bytes: 0 });
  });
  return rows.map(({ id }) => id);
}
