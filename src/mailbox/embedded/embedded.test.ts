import assert from "node:assert/strict";

import { testMailbox } from "../../../test/contract/mailbox.ts";
import type { MailboxWorld } from "../../../test/contract/mailbox-world.ts";
import { embeddedMailbox } from "../../../test/support/embedded-mailbox.ts";
import { engines, type OpenStore } from "../../../test/support/engines.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { expungeDue } from "../../store/mailbox/message-changes.ts";

async function worldOn(openStore: OpenStore): Promise<MailboxWorld> {
  const store = await openStore();
  const { open, openClosed, clock } = await embeddedMailbox(store);
  return {
    open,
    openClosed,
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
