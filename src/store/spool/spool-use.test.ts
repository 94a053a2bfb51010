import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sql } from "kysely";

import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { now } from "../../../test/support/published.ts";
import { locked } from "../../incoming/verdicts.ts";
import type { AccountId } from "../../words/account.ts";
import { eraseAccount } from "../accounts/erase.ts";
import type { Store } from "../store.ts";
import { openAgain } from "./openings.ts";
import { deleteWaiting, insertWaiting } from "./spool-rows.ts";
import { listSpoolUse, readSpoolUse, type SpoolUse } from "./spool-use.ts";
import { updateVerdict } from "./verdicts.ts";

const ADDRESSES = ["ada@alpha.test", "bob@alpha.test"].map(addressOf);
const [ada, bob] = ADDRESSES.map(idOf);
assert(ada !== undefined && bob !== undefined);

/** What happens to a mailbox; `size` is that of what is stored, `at` says which message. */
const EVENT = fc.record({
  what: fc.constantFrom("arrive", "arrive-again", "open", "later", "go", "again", "erase"),
  account: fc.constantFrom(ada, bob),
  at: fc.nat(5),
  size: fc.nat(400),
});
type Event = typeof EVENT extends fc.Arbitrary<infer One> ? One : never;

async function happen(store: Store, { what, account, at, size }: Event): Promise<void> {
  const id = `${account}-${String(at)}`;
  const verdict = locked(now);
  switch (what) {
    case "arrive":
    case "arrive-again":
      await insertWaiting(store, {
        id,
        account,
        form: "sealed",
        blob: {
          place: "database",
          id: randomUUID(),
          sizeBytes: size,
          octets: new Uint8Array(size),
        },
        summary: new Uint8Array(3),
        outerFrom: "",
        messageId: undefined,
        envelopeId: "",
        contentHash: Uint8Array.of(at),
        sizeBytes: size,
        receivedAt: now,
        verdict,
        folder: "inbox",
        flags: 0,
      });
      break;
    case "open":
      await updateVerdict(store, account, id, verdict, { summary: new Uint8Array(size) });
      break;
    case "later":
      await updateVerdict(store, account, id, { ...verdict, signature: "later" }, {});
      break;
    case "go":
      await store.transaction(async (tx) => deleteWaiting(tx, account, id));
      break;
    case "again":
      await openAgain(store, account, id, verdict);
      break;
    case "erase":
      await store.transaction(async (tx) => eraseAccount(tx, account, now));
      await haveAccounts(store, ...ADDRESSES);
      break;
  }
}

async function summedUp(store: Store, account: AccountId): Promise<SpoolUse> {
  const { rows } = await sql<SpoolUse>`
    select count(*) as messages, coalesce(sum(stored_bytes), 0) as bytes
    from spool where account = ${account}`.execute(store.db);
  const [row] = rows;
  assert(row !== undefined);
  return { ...row };
}

for (const { engine, open } of engines()) {
  test(`${engine}: whatever happens to mail, what is counted of waiting mail is the sum of its messages`, async () => {
    await using store = await open();
    await haveAccounts(store, ...ADDRESSES);
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { maxLength: 20 }), async (events) => {
        for (const event of events) await happen(store, event);
        for (const account of [ada, bob]) {
          const use = await readSpoolUse(store, account);
          assert.deepEqual(use, await summedUp(store, account));
          const waits = (await listSpoolUse(store)).some((one) => one.account === account);
          assert.equal(waits, use.messages > 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${engine}: messages that arrive for one account at once are all counted`, async () => {
    await using store = await open();
    await haveAccounts(store, ...ADDRESSES);
    const arrive = { what: "arrive", account: ada, size: 10 } as const;
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => happen(store, { ...arrive, at })),
    );
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) =>
        happen(store, { ...arrive, what: index % 2 === 0 ? "open" : "again", at: index >> 1 }),
      ),
    );
    const use = await readSpoolUse(store, ada);
    assert.equal(use.messages, 20);
    assert.deepEqual(use, await summedUp(store, ada));
  });
}
