import assert from "node:assert/strict";
import { test } from "node:test";

import { add, summaryMail } from "../../test/contract/mailbox-world.ts";
import { idOf } from "../../test/support/accounts.ts";
import { doctorDeps } from "../../test/support/doctor-world.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, old, opened, withAlice, type Deps } from "../../test/support/key-life.ts";
import { mailboxesWith } from "../../test/support/mailboxes.ts";
import { wrapFor } from "../app/at-rest.ts";
import { DAY } from "../base/time.ts";
import { chooseMailboxKey } from "../keys/mailbox-key.ts";
import { rotateKey } from "../keys/rotate.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { Store } from "../store/store.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import { formerPairs } from "./former-pairs.ts";

async function judged(store: Store): Promise<string> {
  const database = { kind: "open", store, isMigrated: true } as const;
  const found = await formerPairs.run(doctorDeps({}, { database }));
  return found.map(({ result, title, todo }) => `${result} ${title} -> ${todo}`).join("\n");
}

/** Does work with alice's mailbox, open or closed. */
async function inMailbox<Value>(
  deps: Deps,
  work: (mailbox: Mailbox) => Promise<Value>,
  isOpen = true,
): Promise<Value> {
  using keys = isOpen ? await unlockWithPassword(deps, idOf(alice), old()) : undefined;
  const owner = { id: idOf(alice), address: alice };
  const mailboxOf = mailboxesWith(deps.clock, async ({ id, address }, data) =>
    wrapFor(deps, { id, address }, data),
  );
  return await work(mailboxOf(deps.store, owner, keys));
}

async function receive(deps: Deps, isOpen: boolean): Promise<void> {
  const mail = { ...summaryMail("subject"), receivedAt: deps.clock.now() };
  await inMailbox(deps, async (mailbox) => add(mailbox, mail), isOpen);
  deps.clock.advance(DAY);
}

async function convert(deps: Deps): Promise<void> {
  const { kind } = await inMailbox(deps, async (mailbox) => mailbox.convert());
  assert.equal(kind, "converted");
}

const WHOLE = "ok no message in a mailbox needs a former key pair -> ";

for (const { engine, open } of engines()) {
  test(`${engine}: mail under former key pairs is counted, also mail that nobody has opened, until it is converted`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    for (const isOpen of [true, false]) await receive(deps, isOpen);
    assert.equal(await judged(store), WHOLE);
    using masterKey = await opened(deps, old());
    let count = 2;
    const rules = { profile: "compat" } as const;
    for (const change of [
      async () => chooseMailboxKey(deps, rules, masterKey, "separate"),
      async () => chooseMailboxKey(deps, rules, masterKey, "same"),
      async () =>
        rotateKey(deps, rules, masterKey, { address: alice, reason: "superseded", text: "" }),
    ]) {
      await change();
      deps.clock.advance(DAY);
      const found = await judged(store);
      const figure = `ok ${String(count)} messages of 1 accounts may still need a former key pair -> `;
      assert(found.startsWith(figure), found);
      assert.match(found, /sealpost account convert-mailbox ADDRESS \(for alice@alpha\.test\)$/);
      await receive(deps, true);
      assert.equal(await judged(store), found, "what came since needs none");
      await convert(deps);
      assert.equal(await judged(store), WHOLE);
      count += 1;
    }
  });
}
