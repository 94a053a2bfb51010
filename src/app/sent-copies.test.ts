/** What the mailbox of a sender keeps of what they submit. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sql } from "kysely";

import { idOf, setLoginOnly } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, fresh } from "../../test/support/key-life.ts";
import { lootFrom } from "../../test/support/loot.ts";
import { came } from "../../test/support/outcome.ts";
import {
  ben,
  bob,
  CANARY,
  MESSAGE,
  NAMES,
  sentIn,
  worldIn,
} from "../../test/support/sent-world.ts";
import { after, DAY } from "../base/time.ts";
import { sentenceOf } from "../incoming/sentence.ts";
import { eraseByLaw } from "../keys/end-account.ts";
import { standardFolder } from "../mailbox/mailbox.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import type { Outcome } from "../smtp/relay/hop.ts";
import { purgeProtectedNames } from "../store/mail/protected-names.ts";
import type { Store } from "../store/store.ts";

/** All that is stored, in the database and in files. */
async function everything({ store, dir }: { readonly store: Store; readonly dir: string }) {
  const { values } = await lootFrom(store);
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const octets = await Promise.all(files.map(async (f) => readFile(join(f.parentPath, f.name))));
  return Buffer.concat([...values, ...octets]).toString("latin1");
}

for (const { engine, open } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    const on = `${engine}, bodies in the ${bodies}`;

    test(`${on}: a submitted message is in Sent as it was written, with what each recipient got`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      assert.match(await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]), /^250 .*2 encr/);
      const [entry, ...others] = await world.inMailbox(sentIn);
      assert(entry?.summary && others.length === 0);
      assert.equal(entry.state, "SENT");
      assert.deepEqual(entry.flags, ["seen"]);
      assert.equal(entry.summary.subject, `${CANARY} in the subject`);
      assert.equal(entry.summary.snippet, `${CANARY} in the text`);
      const got = "sealed";
      assert.deepEqual(entry.summary.sent, [
        { address: "bob@beta.test", got, fingerprint: bob.fingerprint, isBlind: false, code: "OK" },
        { address: "ben@beta.test", got, fingerprint: ben.fingerprint, isBlind: true, code: "OK" },
      ]);
      const read = await world.inMailbox(async (mailbox) => mailbox.read(entry.id));
      assert(read.kind === "read");
      const text = Buffer.from(read.message).toString();
      assert.match(text, new RegExp(`^Subject: ${CANARY} in the subject\r\n`, "m"));
      assert(!text.includes("ben@beta.test"), "a copy that is passed on names no blind recipient");
    });

    test(`${on}: nothing of a Sent copy is readable without the key of its mailbox`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
      const [entry] = await sentIn(world.closed());
      assert(entry && entry.summary === undefined);
      assert.deepEqual(await world.closed().read(entry.id), { kind: "closed" });
      // Two of the message wait for the next hop: they are sealed.
      const all = await everything(world);
      for (const secret of [CANARY, Buffer.from(CANARY).toString("base64").slice(0, 12)]) {
        assert(!all.includes(secret));
      }
    });

    test(`${on}: a repetition keeps no second copy, and another message does`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      const now = MESSAGE.replace(/^Date: .*\n/m, "");
      await Promise.all([now, now].map(async (text) => world.send(text, ["bob@beta.test"])));
      // The message says nothing of when it was written, so that each time it gets another Date.
      world.deps.clock.advance(5000);
      for (const text of [now, `${now}more`]) await world.send(text, ["bob@beta.test"]);
      assert.equal((await sentIn(world.closed())).length, 2);
      await world.send(now, ["ben@beta.test"]);
      assert.equal((await sentIn(world.closed())).length, 3, "to others it is another one");
    });

    test(`${on}: an erasure leaves nothing of a Sent copy`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      await world.send(MESSAGE, ["bob@beta.test"]);
      await came(
        eraseByLaw({ ...world.deps, removeBlobs: world.blobs.remove }, idOf(alice)),
        "erased",
      );
      const rows = await store.db.selectFrom("blobs").select("id").execute();
      assert.deepEqual(rows, []);
      const left = await readdir(world.dir, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        left.filter((entry) => entry.isFile()),
        [],
      );
    });
  }

  test(`${engine}: who got it in clear, for whom it was refused, and what the client encrypted itself`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const clear = MESSAGE.replace("<1@", "<2@");
    assert.match(await world.send(clear, ["bob@beta.test", "carol@legacy.test"]), /NOT ENCRYPTED/);
    const refused = MESSAGE.replace("To: ", "To: ben@beta.test, ").replace("<1@", "<3@");
    await world.send(refused, ["bob@beta.test", "ben@beta.test"], {
      outcome: ({ local }) =>
        local === "ben"
          ? { kind: "refused", code: 550, text: "no", temporary: false }
          : { kind: "accepted", text: "250 ok" },
    });
    const sealed = Buffer.from(world.relayed.at(-1)?.message ?? "").toString("latin1");
    const own = sealed.replaceAll("\r\n", "\n").replace(/^Received.*\n/, "");
    world.deps.clock.advance(1000);
    await world.send(own, ["bob@beta.test"]);
    const entries = await world.inMailbox(sentIn);
    const got = entries.map(({ form, summary }) => [
      form,
      summary?.verdict.evidence["how"],
      summary?.sent?.map((one) => [one.address, one.got, one.fingerprint !== ""]),
    ]);
    assert.deepEqual(got, [
      ["sealed", "already-protected", [["bob@beta.test", "already-protected", false]]],
      [
        "clear",
        "sealed",
        [
          ["bob@beta.test", "sealed", true],
          ["ben@beta.test", "refused", true],
        ],
      ],
      [
        "clear",
        "clear",
        [
          ["bob@beta.test", "clear", false],
          ["carol@legacy.test", "clear", false],
        ],
      ],
    ]);
    const said = entries.map(({ summary }) => summary && sentenceOf(summary.verdict, NAMES));
    assert.deepEqual(said, [
      "You sent it as your mail program had encrypted it.",
      "You sent it, encrypted for everyone.",
      "You sent it without encryption.",
    ]);
  });

  test(`${engine}: what is not accepted has no copy, and none is kept where copies are turned off`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const outcome = (): Outcome => ({ kind: "refused", code: 452, text: "full", temporary: true });
    assert.match(await world.send(MESSAGE, ["bob@beta.test"], { outcome }), /^451/);
    assert.match(
      await world.send(MESSAGE, ["bob@beta.test"], { sentCopies: false }),
      /encrypted\)$/,
    );
    assert.deepEqual(await sentIn(world.closed()), []);
  });

  test(`${engine}: a login whose keys stay closed has its copies wrapped to the mailbox, and opens them later`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await setLoginOnly(world.deps, idOf(alice), fresh());
    const options = { policy: "off", password: fresh } as const;
    assert.match(await world.send(MESSAGE, ["bob@beta.test"], options), /^250 .*NOT ENCRYPTED/);
    const [row] = await store.db.selectFrom("mailbox_messages").select("key").execute();
    assert.equal(row?.key, "");
    const [entry] = await world.inMailbox(async (mailbox) => {
      await mailbox.catchUp();
      return sentIn(mailbox);
    });
    assert.equal(entry?.summary?.sent?.[0]?.got, "clear");
    const [folded] = await store.db.selectFrom("mailbox_messages").select("key").execute();
    assert.notEqual(folded?.key, "");
  });

  test(`${engine}: a search finds a message by whom it was sent to, blind recipients too`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    await world.inMailbox(async (mailbox) => {
      await mailbox.catchUp();
      const found = await mailbox.search({ to: "ben" }, { limit: 10 });
      assert(found.kind === "found");
      assert.equal(found.entries.length, 1);
    });
  });

  test(`${engine}: what follows up one's own protected mail does not leave in clear, and other mail does`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const octets = await encryptAtRest({
      data: Buffer.from("Text."),
      recipients: [bob.certificate],
      now: world.deps.clock.now(),
    });
    const inline = Buffer.from(armorMessage(octets)).toString("latin1").replaceAll("\r\n", "\n");
    await world.send(MESSAGE, ["bob@beta.test"]);
    await world.send(MESSAGE.replace("<1@", "<2@"), ["carol@gamma.test"]);
    await world.send(MESSAGE.replace("<1@", "<3@").replace(/\n\n[^]*/, `\n\n${inline}`), [
      "bob@beta.test",
    ]);
    assert.deepEqual(
      (await sentIn(world.closed())).map(({ form }) => form),
      ["clear", "clear", "clear"],
    );
    const answers = async (id: number): Promise<string> => {
      const fields = `Message-ID: <${randomUUID()}@alpha.test>\nIn-Reply-To: <${String(id)}@alpha.test>\n`;
      const text = MESSAGE.replace("To: bob@beta.test", "To: carol@gamma.test");
      return world.send(text.replace("Message-ID: <1@alpha.test>\n", fields), ["carol@gamma.test"]);
    };
    assert.match(await answers(1), /^550 5\.7\.5 /);
    assert.match(await answers(2), /^250 /);
    assert.match(await answers(3), /^550 5\.7\.5 /);
    await world.inMailbox(async (mailbox) => {
      const ids = (await sentIn(mailbox)).map(({ id }) => id);
      await mailbox.copy(ids, standardFolder("archive"));
      await mailbox.remove(ids);
    });
    await store.db.deleteFrom("mailbox_messages").where("expunge_at", ">", 0).execute();
    assert.match(await answers(1), /^550 5\.7\.5 /);
    assert.match(await answers(2), /^250 /);
  });

  test(`${engine}: what follows up one's own protected mail does not leave in clear, though no copy of it is kept`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const others = { to: "carol@gamma.test", clear: "To: carol@gamma.test" };
    const message = (id: number, fields = ""): string =>
      MESSAGE.replace("<1@alpha.test>\n", `<${String(id)}@alpha.test>\n${fields}`);
    const answers = async (id: number): Promise<string> => {
      const text = message(100, `In-Reply-To: <${String(id)}@alpha.test>\n`);
      return world.send(text.replace("To: bob@beta.test", others.clear), [others.to], {
        sentCopies: false,
      });
    };
    await world.send(message(1), ["bob@beta.test"], { sentCopies: false });
    await world.send(message(2), ["bob@beta.test"], { mailboxBytes: 100 });
    await sql`alter table folder_use rename to folder_use_elsewhere`.execute(store.db);
    await world.send(message(3), ["bob@beta.test"]);
    await world.send(message(4), ["bob@beta.test", "ben@beta.test"]);
    await sql`alter table folder_use_elsewhere rename to folder_use`.execute(store.db);
    assert.match(world.failed.splice(0).join(), /folder_use/);
    await world.send(message(5).replace("To: bob@beta.test", others.clear), [others.to]);
    await world.send(message(6), ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code: 550, text: "no", temporary: false }),
    });
    assert.equal((await sentIn(world.closed())).length, 1);
    for (const id of [1, 2, 3, 4]) assert.match(await answers(id), /^550 5\.7\.5 /, String(id));
    for (const id of [5, 6]) assert.match(await answers(id), /^250 /, String(id));

    const rows = await store.db.selectFrom("protected_names").selectAll().execute();
    assert.equal(rows.length, 4);
    assert(rows.every(({ name }) => /^[0-9a-f]{64}$/.test(name)));
    const sentAt = world.deps.clock.now();
    await purgeProtectedNames(store, after(sentAt, 399 * DAY));
    assert.match(await answers(1), /^550 5\.7\.5 /);
    await purgeProtectedNames(store, after(sentAt, 401 * DAY));
    assert.match(await answers(1), /^250 /);
  });
}
