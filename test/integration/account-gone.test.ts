/** What is written for an account that was looked up before, and that is renamed, closed or erased meanwhile. */
import assert from "node:assert/strict";
import { allMail, mailboxesWith } from "../support/mailboxes.ts";
import { test } from "node:test";

import { octetStringsIn } from "../../src/base/large-octets.ts";
import { findReader } from "../../src/accounts/accounts.ts";
import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { closeAccount, eraseByLaw } from "../../src/keys/end-account.ts";
import { renameAccount } from "../../src/keys/rename.ts";
import { toKeep } from "../../src/outgoing/copy.ts";
import { keepForLater, sendDue, type OutboxDeps } from "../../src/outgoing/outbox.ts";
import { traceOutgoing } from "../../src/outgoing/tracing.ts";
import { addressOf } from "../support/address.ts";
import { replyText } from "../support/reply-text.ts";
import type { Store } from "../../src/store/store.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import { engines } from "../support/engines.ts";
import { NOBODY_ASKED } from "../support/authors.ts";
import { alice, depsFor, renamed, type Deps } from "../support/key-life.ts";
import { deliveryReply } from "../../src/app/delivery-replies.ts";
import { came } from "../support/outcome.ts";
import { blobsIn } from "../support/spool.ts";

const bob = addressOf("bob@beta.test");
const MESSAGES = 60;

type Hook = () => Promise<unknown>;

/** Delivery as the gateway does it; `between` runs after the account was found and before anything is written. */
function deliveryWith(deps: Deps, between: Hook = async () => Promise.resolve()): DeliverDeps {
  const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) => {
    await between();
    return Buffer.concat(octetStringsIn(data));
  };
  return {
    store: deps.store,
    blobs: blobsIn(deps.store),
    clock: deps.clock,
    hostname: "mx.alpha.test",
    isOurs: () => true,
    findAccount: async (address) => findReader(deps.store, address),
    hasRoom: async () => Promise.resolve(true),
    wrapFor,
    mailboxOf: mailboxesWith(deps.clock, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: () => undefined,
    isReader: async () => Promise.resolve(false),
    ...NOBODY_ASKED,
  };
}

async function arrive(deps: DeliverDeps, number: number): Promise<string> {
  const deliveries = await deliver(deps, {
    envelope: { from: bob, recipients: [alice] },
    message: Buffer.from(`From: bob@beta.test\r\nMessage-ID: <${number}@beta.test>\r\n\r\nx\r\n`),
    received: { protocol: "ESMTP", client: "c.test ([192.0.2.1])" },
  });
  return deliveries.map(deliveryReply).map(replyText).join();
}

/** Runs its work once. */
function once(work: Hook): Hook {
  let hasRun = false;
  return async () => {
    if (hasRun) return;
    hasRun = true;
    await work();
  };
}

async function rowsOf(store: Store, table: "mailbox_messages" | "outbox"): Promise<number> {
  return (await store.db.selectFrom(table).select("id").execute()).length;
}

function outboxWith(deps: Deps, relay: OutboxDeps["relay"]): OutboxDeps {
  const hostname = bob.domain;
  return {
    store: deps.store,
    clock: deps.clock,
    hostname,
    language: () => "en",
    relay,
    trace: traceOutgoing(() => undefined),
    wrap: async (_id, bytes) => Promise.resolve({ wrapped: bytes, serviceKey: "" }),
    unwrap: async (_id, { wrapped }) => Promise.resolve(wrapped),
  };
}

/** Refuses permanently whoever is in the envelope, after something else has happened. */
function refusing(first: Hook): OutboxDeps["relay"] {
  return async ({ recipients }) => {
    await first();
    const outcome = { kind: "refused", code: 550, temporary: false, text: "no" } as const;
    return { recipients: recipients.map((address) => ({ address, outcome })) };
  };
}

for (const { engine, open } of engines()) {
  test(`${engine}: mail for an account that is renamed meanwhile is taken`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const between = once(async () =>
      renameAccount(deps, deps.keyRules, idOf(alice), renamed, undefined),
    );
    const delivery = deliveryWith(deps, between);
    assert.match(await arrive(delivery, 1), /^250 /);
    assert.equal((await allMail(store, idOf(alice))).length, 1);
    assert.equal(await rowsOf(store, "mailbox_messages"), 1);
  });

  test(`${engine}: mail for an account that is erased meanwhile leaves nothing, and the retry is told that there is nobody`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const delivery = deliveryWith(
      deps,
      once(async () => eraseByLaw(deps, idOf(alice))),
    );
    assert.match(await arrive(delivery, 1), /^451 4\.3\.0 /);
    assert.match(await arrive(delivery, 1), /^550 5\.1\.1 /);
    assert.equal(await rowsOf(store, "mailbox_messages"), 0);
  });

  test(`${engine}: mail for an account that is closed meanwhile is not taken`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const delivery = deliveryWith(
      deps,
      once(async () => closeAccount(deps, idOf(alice), undefined)),
    );
    assert.match(await arrive(delivery, 1), /^451 4\.3\.0 /);
    assert.match(await arrive(delivery, 1), /^550 5\.1\.1 /);
  });

  test(`${engine}: of mail that arrives while an account is renamed again and again, everything that was taken is in its mailbox`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const delivery = deliveryWith(deps);
    const names = [1, 2, 3].map((number) => addressOf(`alice.${number}@alpha.test`));
    let left = MESSAGES;
    let taken = 0;
    const sender = async (): Promise<void> => {
      while (left > 0) {
        const number = left;
        left -= 1;
        const answer = await untilTaken(async () => arrive(delivery, number));
        assert.match(answer, /^250 /);
        taken += 1;
      }
    };
    const renamer = async (): Promise<void> => {
      for (const [at, to] of names.entries()) {
        // In between there is always some mail, so that they meet.
        const before = (at + 1) * (MESSAGES / (names.length + 2));
        while (taken < before) await new Promise(setImmediate);
        await came(renameAccount(deps, deps.keyRules, idOf(alice), to, undefined), "renamed");
      }
    };
    await Promise.all([renamer(), sender(), sender(), sender()]);
    const rows = await store.db.selectFrom("mailbox_messages").select("account").execute();
    assert.equal(rows.length, MESSAGES);
    assert.deepEqual([...new Set(rows.map(({ account }) => account))], [idOf(alice)]);
  });

  test(`${engine}: copies that wait stay with an account that is renamed, and go when it is erased`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const shouting = addressOf("Alice@alpha.test");
    await haveAccounts(store, shouting);
    const outbox = outboxWith(
      deps,
      refusing(async () => Promise.resolve()),
    );
    const copy = { envelope: { from: shouting, recipients: [bob] }, message: Buffer.from("m") };
    await keepForLater(outbox, { account: idOf(shouting), address: shouting }, "<1@alpha.test>", [
      toKeep(copy),
    ]);
    await came(renameAccount(deps, deps.keyRules, idOf(shouting), renamed, undefined), "renamed");
    const rows = await store.db.selectFrom("outbox").select("account").execute();
    assert.deepEqual(
      rows.map(({ account }) => account),
      [idOf(shouting)],
    );
    await came(eraseByLaw(deps, idOf(shouting)), "erased");
    assert.equal(await rowsOf(store, "outbox"), 0);
    await assert.rejects(
      keepForLater(outbox, { account: idOf(shouting), address: shouting }, "<1@alpha.test>", [
        toKeep(copy),
      ]),
      {
        name: "AccountGone",
        temporary: true,
      },
    );
  });

  test(`${engine}: nobody who was erased while a copy was tried gets a bounce`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const outbox = outboxWith(deps, refusing(once(async () => eraseByLaw(deps, idOf(alice)))));
    const copy = { envelope: { from: alice, recipients: [bob] }, message: Buffer.from("m") };
    await keepForLater(outbox, { account: idOf(alice), address: alice }, "<1@alpha.test>", [
      toKeep(copy),
    ]);
    await sendDue(outbox);
    assert.equal(await rowsOf(store, "outbox"), 0);
  });

  test(`${engine}: the bounce for an account that was renamed while a copy was tried belongs to that account`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice);
    const rename = once(async () =>
      renameAccount(deps, deps.keyRules, idOf(alice), renamed, undefined),
    );
    const outbox = outboxWith(deps, refusing(rename));
    const copy = { envelope: { from: alice, recipients: [bob] }, message: Buffer.from("m") };
    await keepForLater(outbox, { account: idOf(alice), address: alice }, "<1@alpha.test>", [
      toKeep(copy),
    ]);
    const accounts: string[] = [];
    const relay: OutboxDeps["relay"] = async (envelope, message, options) => {
      const rows = await store.db.selectFrom("outbox").select("account").execute();
      accounts.push(...rows.map(({ account }) => account));
      return outbox.relay(envelope, message, options);
    };
    await sendDue({ ...outbox, relay });
    assert.deepEqual(accounts, [idOf(alice), idOf(alice)]);
  });
}

/** Tries again on 451, as a sender's server does. */
async function untilTaken(attempt: () => Promise<string>): Promise<string> {
  for (;;) {
    const answer = await attempt();
    if (!answer.startsWith("451")) return answer;
    await new Promise(setImmediate);
  }
}
