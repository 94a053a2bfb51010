import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { LARGE_OCTETS } from "../base/large-octets.ts";
import { fromUnixMs, HOUR, after } from "../base/time.ts";
import { formatAddress, parseAddress, parseDomain, type EmailAddress } from "../mail/address.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openStore } from "../store/store.ts";
import { toKeep } from "./copy.ts";
import { keepForLater, sendDue, type OutboxDeps } from "./outbox.ts";
import { traceOutgoing } from "./tracing.ts";

const NOW = fromUnixMs(1_795_000_000_000);

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

test("a copy that cannot be opened keeps no other back, and every try has its limit", async () => {
  const hostname = parseDomain("mail.alpha.test");
  assert(hostname !== undefined);
  await using store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  const sent: string[] = [];
  let isLimited = true;
  const deps: OutboxDeps = {
    store,
    clock: { now: () => NOW },
    hostname,
    language: () => "en",
    trace: traceOutgoing(() => undefined),
    wrap: async (_id, bytes) => Promise.resolve({ wrapped: bytes, serviceKey: "" }),
    unwrap: async (_id, { wrapped: bytes }) => {
      if (Buffer.from(bytes).toString() === "broken") throw new Error("does not open");
      return Promise.resolve(bytes);
    },
    relay: async ({ recipients }, _message, { signal } = {}) => {
      isLimited &&= signal !== undefined;
      sent.push(...recipients.map(formatAddress));
      const outcome = { kind: "accepted", text: "ok" } as const;
      return Promise.resolve({ recipients: recipients.map((one) => ({ address: one, outcome })) });
    },
  };
  const alice = address("alice@alpha.test");
  await haveAccounts(store, alice);
  for (const [to, text] of [
    ["bob@beta.test", "broken"],
    ["bea@beta.test", "fine"],
    ["bo@beta.test", "x".repeat(2 * LARGE_OCTETS)],
    ["ben@beta.test", "fine"],
  ] as const) {
    const envelope = { from: alice, recipients: [address(to)] };
    await keepForLater(deps, { account: idOf(alice), address: alice }, "<1@alpha.test>", [
      toKeep({ envelope, message: Buffer.from(text) }),
    ]);
  }
  // Somebody deleted a piece of the large one.
  await store.db.deleteFrom("outbox_pieces").where("number", "=", 0).execute();
  await assert.rejects(sendDue(deps), /could not be worked on/);
  assert.deepEqual(sent.toSorted(), ["bea@beta.test", "ben@beta.test"]);
  assert(isLimited);
  await assert.rejects(sendDue({ ...deps, clock: { now: () => after(NOW, HOUR) } }));
  assert.equal(sent.length, 2);
});
