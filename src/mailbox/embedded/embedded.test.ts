import assert from "node:assert/strict";

import { testMailbox } from "../../../test/contract/mailbox.ts";
import type { MailboxWorld } from "../../../test/contract/mailbox-world.ts";
import { haveAccounts } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { fakeClock } from "../../../test/support/clock.ts";
import { engines, type OpenStore } from "../../../test/support/engines.ts";
import { ownKey } from "../../../test/support/openpgp-messages.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { decrypt } from "../../openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../openpgp/messages/encrypt.ts";
import { findAccount } from "../../store/accounts/accounts.ts";
import { expungeDue } from "../../store/mailbox/message-changes.ts";
import { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import { messageText } from "../search/message-text.ts";
import { openEmbedded, type EmbeddedDeps } from "./embedded.ts";
import { bodyOfRow } from "./stored-form.ts";
import { MailboxWatch } from "./watch.ts";

const bob = addressOf("bob@beta.test");
const key = await ownKey("bob@beta.test", "compat");
const keys = new UnlockedKeys([key], key.fingerprint, []);
const recipients = [key.certificate];

async function worldOn(openStore: OpenStore): Promise<MailboxWorld> {
  const store = await openStore();
  await haveAccounts(store, bob);
  const account = await findAccount(store, bob);
  assert(account);
  const clock = fakeClock();
  const deps: EmbeddedDeps = {
    store,
    clock,
    undoMs: HOUR,
    watch: new MailboxWatch(store, (error) => assert.fail(String(error))),
    wrapFor: async (_account, data) =>
      encryptAtRest({ data, recipients, now: clock.now(), isOwn: true }),
    bodyFor: async (_account, message) => bodyOfRow({ ...message, recipients, now: clock.now() }),
    decrypt,
    textOf: async (received) => Promise.resolve(messageText(received)),
  };
  return {
    open: () => openEmbedded(deps, account, keys),
    openClosed: () => openEmbedded(deps, account),
    expunge: async () => {
      assert.equal(await expungeDue(store, clock.now()), 0);
      clock.advance(HOUR + MINUTE);
      while ((await expungeDue(store, clock.now())) > 0);
    },
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

for (const { engine, open } of engines()) {
  testMailbox(`embedded, ${engine}`, async () => worldOn(open));
}
