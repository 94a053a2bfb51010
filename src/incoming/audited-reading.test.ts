import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, depsFor, enrolAlice, old } from "../../test/support/key-life.ts";
import { mailboxesWith } from "../../test/support/mailboxes.ts";
import { findAccount } from "../accounts/accounts.ts";
import { listAudit } from "../journal/journal.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { listMailFor } from "./audited-reading.ts";

const WISHES = {
  "provider-usable": { custody: "provider-usable", password: old() },
  "unlocks-at-login": { custody: "unlocks-at-login", password: old() },
  provisional: { custody: "unlocks-at-login", password: undefined },
} as const;

for (const { engine, open } of engines()) {
  for (const [custody, wish] of Object.entries(WISHES)) {
    test(`${engine}: a list of mail with custody ${custody} is audited where the provider's own access opened it`, async () => {
      await using store = await open();
      const deps = depsFor(store);
      await enrolAlice(deps, wish);
      const account = await findAccount(store, alice);
      assert.equal(account?.custody, custody);
      const reading = {
        ...deps,
        mailboxOf: mailboxesWith(deps.clock),
        unlockWithService: async () => Promise.resolve(undefined),
      } as unknown as Parameters<typeof listMailFor>[0];
      const rows = async () => {
        const actions: string[] = [];
        for await (const { action } of listAudit(store, idOf(alice))) actions.push(action);
        return actions.filter((action) => action === "mail.listed").length;
      };
      await listMailFor(reading, { account, keys: UnlockedKeys.none() });
      assert.equal(await rows(), 0);
      await listMailFor(reading, { account, keys: undefined });
      assert.equal(await rows(), custody === "unlocks-at-login" ? 0 : 1);
    });
  }
}
