import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { sql } from "kysely";

import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { now } from "../../../test/support/published.ts";
import { locked } from "../../incoming/verdicts.ts";
import type { AccountId } from "../../words/account.ts";
import { eraseAccount } from "../accounts/erase.ts";
import { listWaitingMailboxes, readMailboxUse, type MailboxUse } from "./mailbox-use.ts";
import { updateVerdict } from "./message-verdicts.ts";
import { insertMessage } from "./messages.ts";
import { openAgain } from "./openings.ts";
import type { Store } from "../store.ts";

const ADDRESSES = ["ada@alpha.test", "bob@alpha.test"].map(addressOf);
const [ada, bob] = ADDRESSES.map(idOf);
assert(ada !== undefined && bob !== undefined);

/** What happens to a mailbox; `size` is that of what is stored, `at` says which message. */
const EVENT = fc.record({
  what: fc.constantFrom("arrive", "arrive-again", "open", "later", "move", "again", "erase"),
  account: fc.constantFrom(ada, bob),
  at: fc.nat(5),
  size: fc.nat(400),
  isPending: fc.boolean(),
});
type Event = typeof EVENT extends fc.Arbitrary<infer One> ? One : never;

async function happen(store: Store, { what, account, at, size, isPending }: Event): Promise<void> {
  const id = `${account}-${String(at)}`;
  const verdict = locked(now);
  switch (what) {
    case "arrive":
    case "arrive-again":
      await insertMessage(store, {
        id,
        account,
        state: isPending ? "pending" : "done",
        form: "sealed",
        body: new Uint8Array(size),
        summary: new Uint8Array(3),
        outerFrom: "",
        messageId: undefined,
        envelopeId: "",
        contentHash: Uint8Array.of(at),
        sizeBytes: size,
        receivedAt: now,
        verdict,
      });
      break;
    case "open":
      await updateVerdict(store, account, id, verdict, { summary: new Uint8Array(size) });
      break;
    case "later":
      await updateVerdict(store, account, id, { ...verdict, signature: "later" }, {});
      break;
    case "move":
      await updateVerdict(store, account, id, verdict, { body: new Uint8Array(size) });
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

async function summedUp(store: Store, account: AccountId): Promise<MailboxUse> {
  const { rows } = await sql<MailboxUse>`
    select count(*) as count, coalesce(sum(stored_bytes), 0) as "usedBytes",
      coalesce(sum(case state when 'pending' then 1 else 0 end), 0) as "pendingCount",
      coalesce(sum(case state when 'pending' then stored_bytes else 0 end), 0) as "pendingBytes"
    from messages where account = ${account}`.execute(store.db);
  const [row] = rows;
  assert(row !== undefined);
  return { ...row };
}

for (const { engine, open } of engines()) {
  test(`${engine}: whatever happens to mail, what is counted of a mailbox is the sum of its messages`, async () => {
    await using store = await open();
    await haveAccounts(store, ...ADDRESSES);
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { maxLength: 20 }), async (events) => {
        for (const event of events) await happen(store, event);
        for (const account of [ada, bob]) {
          const use = await readMailboxUse(store, account);
          assert.deepEqual(use, await summedUp(store, account));
          const waits = (await listWaitingMailboxes(store)).some((one) => one.account === account);
          assert.equal(waits, use.pendingCount > 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${engine}: messages that arrive for one account at once are all counted`, async () => {
    await using store = await open();
    await haveAccounts(store, ...ADDRESSES);
    const arrive = { what: "arrive", account: ada, size: 10, isPending: true } as const;
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => happen(store, { ...arrive, at })),
    );
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) =>
        happen(store, { ...arrive, what: index % 2 === 0 ? "open" : "again", at: index >> 1 }),
      ),
    );
    const use = await readMailboxUse(store, ada);
    assert.equal(use.count, 20);
    assert.deepEqual(use, await summedUp(store, ada));
  });
}
