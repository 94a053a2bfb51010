import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../base/errors.ts";
import { fromUnixMs } from "../base/time.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { listMessages } from "../mailbox/embedded.ts";
import { replyText } from "../smtp/reply.ts";
import type { Account } from "../store/accounts.ts";
import type { Store } from "../store/store.ts";
import { haveAccounts } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { deliver, type DeliverDeps } from "./deliver.ts";
import { traceIncoming } from "./tracing.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const MESSAGE = Buffer.from("From: alice@alpha.test\r\nSubject: hi\r\n\r\ntext\r\n");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

/** Everybody at beta.test has an account; that of `broken` has no key. */
function depsFor(store: Store, failures: unknown[]): DeliverDeps {
  return {
    store,
    clock: { now: () => NOW },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async (wanted) =>
      Promise.resolve(
        wanted.local === "nobody"
          ? undefined
          : ({ address: wanted, custody: "unlocks-at-login", createdAt: NOW } as Account),
      ),
    hasRoom: async () => Promise.resolve(true),
    wrapFor: async (account, data) => {
      if (account.address.local === "broken") throw new AppError("no key", { temporary: true });
      return Promise.resolve(data);
    },
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => {
      failures.push(error);
    },
    discoverAuthor: async () => Promise.reject(new Error("nobody is to be asked")),
    findFormer: async () => Promise.resolve({ kind: "absent" }),
  };
}

for (const { engine, open } of engines()) {
  test(`${engine}: trouble with one mailbox keeps no mail from the others`, async () => {
    await using store = await open();
    await haveAccounts(store, address("bob@beta.test"), address("bea@beta.test"));
    const failures: unknown[] = [];
    const deps = depsFor(store, failures);
    const names = ["bob", "broken", "nobody", "bea", "bob"];
    const arrival = {
      envelope: {
        from: address("alice@alpha.test"),
        recipients: names.map((name) => address(`${name}@beta.test`)),
      },
      message: MESSAGE,
      received: { protocol: "LMTP", client: "c.test ([192.0.2.1])" },
    };
    const expected = [
      "250 2.0.0 stored",
      "451 4.3.0 temporary trouble here; try again later",
      "550 5.1.1 no such user here",
      "250 2.0.0 stored",
      "250 2.0.0 stored",
    ];
    // Whoever hears 451 for one of them sends all of it again: the others have it once.
    for (const _attempt of [1, 2]) {
      assert.deepEqual((await deliver(deps, arrival)).map(replyText), expected);
    }
    assert.equal((await listMessages(store, address("bob@beta.test"))).length, 1);
    assert.equal((await listMessages(store, address("bea@beta.test"))).length, 1);
    assert.equal(failures.length, 2);
  });
}
