import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, alias } from "../../test/support/key-life.ts";
import { listAudit } from "../journal/journal.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { changeLanguage } from "./change-language.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a user's language is changed with one audit row, and not where it is that already or they are gone`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const deps = { store, clock: fakeClock() };
    const account = idOf(alice);
    const kinds: string[] = [];
    for (const language of [undefined, "de", "de", "fr", undefined] as const) {
      kinds.push((await changeLanguage(deps, { account, language, by: "operator" })).kind);
      assert.equal((await readAccount(store, account))?.account.language, language);
    }
    assert.deepEqual(kinds, ["unchanged", "changed", "unchanged", "changed", "changed"]);
    const gone = { account: idOf(alias), language: "de", by: "operator" } as const;
    assert.equal((await changeLanguage(deps, gone)).kind, "no-account");
    const entries = await Array.fromAsync(listAudit(store));
    assert.deepEqual(
      entries.map(({ action, account: of, detail }) => [action, of, detail["from"], detail["to"]]),
      [
        ["language.changed", account, "default", "de"],
        ["language.changed", account, "de", "fr"],
        ["language.changed", account, "fr", "default"],
      ],
    );
  });
}
