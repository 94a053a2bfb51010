/** Copies of sent mail that cannot be made or kept: no mail is held by them, lost or sent twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";

import { engines } from "../../test/support/engines.ts";
import { MESSAGE, sentIn, TAKEN, worldIn } from "../../test/support/sent-world.ts";
import { AppError, ProgramFault, TooCostly } from "../base/errors.ts";
import { type EmailAddress } from "../mail/address.ts";
import type { Outcome } from "../smtp/relay/hop.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: the copy and what waits are kept together; where the copy cannot be written, what waits is kept alone`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    // The last statement of the transaction has no table.
    await sql`alter table folder_use rename to folder_use_elsewhere`.execute(store.db);
    const reply = await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    assert.match(reply, /^250 .*no copy in Sent: it could not be written$/);
    const kept = async () => ({
      waiting: (await store.db.selectFrom("outbox").select("id").execute()).length,
      sent: (await store.db.selectFrom("mailbox_messages").select("id").execute()).length,
    });
    assert.deepEqual(await kept(), { waiting: 1, sent: 0 });
    assert.match(world.failed.splice(0).join(), /folder_use/);
    await sql`alter table folder_use_elsewhere rename to folder_use`.execute(store.db);
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    assert.deepEqual(await kept(), { waiting: 2, sent: 1 });
  });

  test(`${engine}: a full mailbox loses no mail: it leaves without a copy, and the sender is told`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const reply = await world.send(MESSAGE, ["bob@beta.test"], { mailboxBytes: 100 });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: your mailbox is full$/);
    assert.equal(world.relayed.length, 1);
    assert.deepEqual(await sentIn(world.closed()), []);
    assert(world.traced.includes("no Sent copy"));
  });

  test(`${engine}: an account without a key to protect its copy sends nothing`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const meanwhile = async (): Promise<void> => {
      await store.db.deleteFrom("certificate_ids").execute();
      await store.db.deleteFrom("published_certificates").execute();
    };
    await assert.rejects(world.send(MESSAGE, ["bob@beta.test"], { policy: "off", meanwhile }), {
      temporary: true,
      message: /no key to protect its mailbox with/,
    });
    assert.deepEqual(world.relayed, []);
  });

  test(`${engine}: where the disk is nearly full nothing leaves, so that no hop gets a message each time it is tried`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    t.mock.method(store, "roomBytes", () => 1_000_000);
    const why = { temporary: true, message: /no room left on the disk/ };
    await assert.rejects(world.send(MESSAGE, ["bob@beta.test"]), why);
    assert.deepEqual(world.relayed, []);
  });

  test(`${engine}: what was taken is not sent again because its copy cannot be written, and what still waits is never lost`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const failing = (outcome: Outcome): Outcome => {
      t.mock.method(store, "transaction", async () =>
        Promise.reject(new Error("the disk is gone")),
      );
      return outcome;
    };
    const reply = await world.send(MESSAGE, ["bob@beta.test"], { outcome: () => failing(TAKEN) });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: it could not be written$/);
    t.mock.restoreAll();
    assert.deepEqual(await sentIn(world.closed()), []);
    assert(world.traced.includes("no Sent copy"));
    assert.match(world.failed.splice(0).join(), /the disk is gone/);
    const later: Outcome = { kind: "refused", code: 452, text: "full", temporary: true };
    const outcome = ({ local }: EmailAddress): Outcome => failing(local === "bob" ? TAKEN : later);
    const two = MESSAGE.replace("bob@beta.test", "bob@beta.test, ben@beta.test");
    await assert.rejects(
      world.send(two, ["bob@beta.test", "ben@beta.test"], { outcome }),
      /the disk is gone/,
    );
    t.mock.restoreAll();
    assert.match(world.failed.splice(0).join(), /the disk is gone/);
  });

  test(`${engine}: a copy that waits is kept once, though nobody heard that its commit was durable`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const transaction = store.transaction.bind(store);
    const later: Outcome = { kind: "refused", code: 452, text: "full", temporary: true };
    let lost = 0;
    const outcome = ({ local }: EmailAddress): Outcome => {
      if (local !== "bob") return later;
      t.mock.method(store, "transaction", async (work: () => Promise<void>) => {
        await transaction(work);
        lost += 1;
        t.mock.restoreAll();
        throw new Error("the answer to COMMIT was lost");
      });
      return TAKEN;
    };
    const two = MESSAGE.replace("bob@beta.test", "bob@beta.test, ben@beta.test");
    assert.match(await world.send(two, ["bob@beta.test", "ben@beta.test"], { outcome }), /^250 /);
    assert.equal(lost, 1);
    assert.match(world.failed.splice(0).join(), /the answer to COMMIT was lost/);
    for (const table of ["outbox", "jobs", "mailbox_messages"] as const) {
      assert.equal((await store.db.selectFrom(table).select("id").execute()).length, 1, table);
    }
  });

  for (const [what, error] of [
    ["costs too much", new TooCostly("it took too long")],
    ["ends in a fault", new TypeError("a fault of the program")],
    ["ends in a fault that a thread tells", new ProgramFault("a fault of the program")],
    ["fails for good", new AppError("not ever", { temporary: false })],
  ] as const) {
    for (const step of ["examine", "bodyOfRow"] as const) {
      test(`${engine}: a message leaves, once, whose copy ${what} when it is made (${step})`, async () => {
        await using store = await open();
        await using world = await worldIn(store, "database");
        const work = { [step]: async () => Promise.reject(error) };
        const reply = await world.send(MESSAGE, ["bob@beta.test"], { work });
        assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: it could not be written$/);
        assert.equal(world.relayed.length, 1);
        assert.deepEqual(await sentIn(world.closed()), []);
        assert(world.traced.includes("no Sent copy"));
        const told = error instanceof TooCostly ? [] : [String(error)];
        assert.deepEqual(world.failed.splice(0), told);
      });
    }
  }

  for (const step of ["examine", "bodyOfRow"] as const) {
    test(`${engine}: nothing leaves while trouble that ends keeps the copy from being made (${step})`, async () => {
      await using store = await open();
      await using world = await worldIn(store, "database");
      const error = new AppError("not now", { temporary: true });
      const work = { [step]: async () => Promise.reject(error) };
      await assert.rejects(world.send(MESSAGE, ["bob@beta.test"], { work }), error);
      assert.deepEqual(world.relayed, []);
    });
  }

  test(`${engine}: nothing leaves where the disk of the folder of bodies is nearly full`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "folder");
    t.mock.method(world.blobs, "roomBytes", async () => Promise.resolve(1_000_000));
    const why = { temporary: true, message: /no room left on the disk that holds the bodies/ };
    await assert.rejects(world.send(MESSAGE, ["bob@beta.test"]), why);
    assert.deepEqual(world.relayed, []);
  });

  test(`${engine}: who has no mailbox any more once the message was taken is told that there is no copy`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "folder");
    const whileRelayed = async (): Promise<void> => {
      await store.db.updateTable("accounts").set({ state: "closed" }).execute();
    };
    const reply = await world.send(MESSAGE, ["bob@beta.test"], { whileRelayed });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: it could not be written$/);
    assert.deepEqual(await sentIn(world.closed()), []);
    assert(world.traced.includes("no Sent copy"));
  });

  test(`${engine}: a mailbox that other mail filled meanwhile is not filled beyond its limit`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(MESSAGE, ["bob@beta.test"]);
    const whileRelayed = async (): Promise<void> => {
      await store.db.updateTable("mailboxes").set({ bytes: 1e9 }).execute();
    };
    const other = MESSAGE.replace("<1@", "<2@");
    const reply = await world.send(other, ["bob@beta.test"], { whileRelayed });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: your mailbox is full$/);
    assert.equal((await sentIn(world.closed())).length, 1);
  });
}
