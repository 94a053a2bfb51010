/** What accepted mail leaves through, as its process ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { depsFor } from "../../test/support/key-life.ts";
import { noMeter } from "../../test/support/no-meter.ts";
import { listen } from "../../test/support/test-listener.ts";
import { toKeep } from "../outgoing/copy.ts";
import { keepForLater } from "../outgoing/outbox.ts";
import { reply } from "../smtp/smtp.ts";
import { outboundRelay } from "./outgoing.ts";

const alice = addressOf("alice@alpha.test");
const envelope = { from: alice, recipients: [addressOf("bob@beta.test")] };

for (const { engine, open } of engines()) {
  test(`${engine}: the end of a process waits for the copy that is being sent, and begins no other one`, async () => {
    await using store = await open();
    const { clock, serviceKeys } = depsFor(store);
    await haveAccounts(store, alice);
    const answer = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<undefined>();
    let messages = 0;
    await using hop = await listen("mx", {
      changes: {
        data: async () => {
          messages += 1;
          asked.resolve(undefined);
          await answer.promise;
          return reply("250", "2.0.0", "taken");
        },
      },
    });
    const out = outboundRelay({
      store,
      clock,
      serviceKeys,
      current: () => ({ hostname: "mail.alpha.test", relay: { ...hop, hosts: {} } }) as never,
      events: { failed: (_where, error) => assert.fail(String(error)) },
      traces: { writeLater: () => () => undefined },
      meter: noMeter,
    });
    const copies = ["one", "two"].map((text) => toKeep({ envelope, message: Buffer.from(text) }));
    await keepForLater(out.deps, { account: idOf(alice), address: alice }, "<1@x>", copies);
    out.sendSoon();
    await asked.promise;
    let hasEnded = false;
    const ending = (async () => {
      await out[Symbol.asyncDispose]();
      hasEnded = true;
    })();
    await sleep(100);
    assert.equal(hasEnded, false);
    answer.resolve(undefined);
    await ending;
    const left = await store.db.selectFrom("outbox").select("id").execute();
    assert.deepEqual([messages, left.length], [1, 1]);
  });
}
