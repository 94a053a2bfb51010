/** A session that was opened before a reset, a compromise or the end of all sessions does nothing more, in any process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Given } from "../../src/base/given.ts";
import { replaceKeys } from "../../src/keys/custody.ts";
import { closeAccount, endSessions } from "../../src/keys/end-account.ts";
import { replacePassword, resetPassword } from "../../src/login/recover.ts";
import { addressOf } from "../support/address.ts";
import { replyText } from "../support/reply-text.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { idOf } from "../support/accounts.ts";
import { engines } from "../support/engines.ts";
import { alice, fresh, network, old, opened, withAlice, type Deps } from "../support/key-life.ts";
import { came } from "../support/outcome.ts";
import { quietSubmission } from "../support/quiet-submission.ts";
import { openTestStore } from "../support/tag-keys.ts";

const bob = addressOf("bob@beta.test");

const EVENTS: Readonly<Record<string, (deps: Deps) => Promise<unknown>>> = {
  "a reset": async (deps) => resetPassword(deps, idOf(alice), fresh()),
  "another password": async (deps) => replacePassword(deps, idOf(alice), old(), fresh()),
  "the end of all sessions": async (deps) => endSessions(deps, idOf(alice)),
  "the end of the account": async (deps) => closeAccount(deps, idOf(alice), undefined),
  "a compromise": async (deps) => {
    using key = await opened(deps, old());
    const rest = { withRecoveryCode: false, custody: "unlocks-at-login" } as const;
    await came(
      replaceKeys(deps, deps.keyRules, key, { ...rest, password: old(), why: "compromised" }),
      "renewed",
    );
  },
};

for (const { engine, place } of engines()) {
  for (const [name, event] of Object.entries(EVENTS)) {
    test(`${engine}: ${name} on one host ends the sessions of the others`, async () => {
      const options = await place();
      await using store = await openTestStore(options);
      await migrate(store);
      const { deps } = await withAlice(store);
      await using elsewhere = await openTestStore(options);
      const { login, rcpt, data, loggedOut } = quietSubmission(
        { ...deps, store: elsewhere },
        () => undefined,
      );
      assert(login && loggedOut);
      const signal = new AbortController().signal;
      const logged = await login("alice@alpha.test", old(), network, signal);
      assert(logged.kind === "logged-in");
      const client = { login: logged.login } as unknown as Parameters<typeof rcpt>[0];
      const envelope = { from: alice, recipients: [] } as unknown as Parameters<typeof rcpt>[1];
      assert.equal(await rcpt(client, envelope, bob), "ok");
      await event(deps);
      const answer = await rcpt(client, envelope, bob);
      assert(answer !== "ok");
      assert.match(replyText(answer), /^451 4\.7\.0 .*log in again/);
      const given = new Given(Buffer.from("From: x"));
      const reply = await data(client, { from: alice, recipients: [bob] }, given);
      assert.match([reply].flat().map(replyText).join(), /^451 4\.7\.0 /);
      loggedOut(logged.login);
    });
  }
}
