/** What every mailbox must do, wherever it keeps its mail. Each implementation runs these tests. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { after, fromUnixMs, MINUTE } from "../../src/base/time.ts";
import {
  standardFolder,
  type FolderId,
  type Mailbox,
  type MessageId,
  type NewMail,
} from "../../src/mailbox/mailbox.ts";
import { testFinding } from "./mailbox-search.ts";
import { add, type MailboxTest, type MailboxWorld } from "./mailbox-world.ts";
import type { Summary } from "../../src/mailbox/summary.ts";
import { unprotected } from "../../src/incoming/verdicts.ts";

const inbox = standardFolder("inbox");
const trash = standardFolder("trash");
const start = fromUnixMs(1_800_000_000_000);

/** A message whose subject is `subject`, come `minutes` after the first. */
export function mailNamed(subject: string, minutes = 0): NewMail {
  const text = `Subject: ${subject}\r\nFrom: alice@alpha.test\r\n\r\nText of ${subject}.\r\n`;
  return {
    folder: inbox,
    content: { kind: "received", pieces: [Buffer.from(text)], ciphertext: undefined },
    summary: summaryNamed(subject),
    receivedAt: after(start, minutes * MINUTE),
    sizeBytes: text.length,
  };
}

function summaryNamed(subject: string): Summary {
  return {
    from: "alice@alpha.test",
    to: "bob@beta.test",
    subject,
    claimed: "",
    date: start,
    snippet: `Text of ${subject}`,
    attachments: [{ name: "plan.pdf", sizeBytes: 1000 }],
    messageId: `${subject}@alpha.test`,
    references: [],
    verdict: unprotected(start),
    keywords: [],
  };
}

async function subjects(mailbox: Mailbox, folder: FolderId = inbox): Promise<readonly unknown[]> {
  const { entries } = await mailbox.list(folder, { limit: 100 });
  return entries.map(({ summary }) => summary?.subject);
}

async function figuresOf(mailbox: Mailbox, folder: FolderId): Promise<readonly number[]> {
  const found = (await mailbox.folders()).find(({ id }) => id === folder);
  assert(found);
  return [found.messages, found.unseen];
}

/** Runs the tests under `name`; `world` makes a mailbox of its own for each. */
export function testMailbox(name: string, world: () => Promise<MailboxWorld>): void {
  const mailboxTest: MailboxTest = (what, work) => {
    test(`${name}: ${what}`, async () => {
      await using made = await world();
      await work(made);
    });
  };

  testFinding(mailboxTest);

  mailboxTest("a new mailbox has the six standard folders, all empty", async ({ open }) => {
    const folders = await open().folders();
    const words = ["inbox", "drafts", "sent", "archive", "junk", "trash"];
    assert.deepEqual(
      folders.map(({ standard }) => standard),
      words,
    );
    assert(folders.every(({ messages, unseen }) => messages === 0 && unseen === 0));
  });

  mailboxTest("a message is listed, counted and read as it came", async ({ open }) => {
    const mail = mailNamed("first");
    const id = await add(open(), mail);
    const entry = await open().entry(id);
    assert(entry);
    assert.deepEqual(entry.summary, mail.summary);
    assert.deepEqual([entry.folder, entry.flags, entry.form], [inbox, [], "clear"]);
    assert.deepEqual([entry.state, entry.sizeBytes], ["UNPROTECTED", mail.sizeBytes]);
    assert.deepEqual(entry.receivedAt, mail.receivedAt);
    const read = await open().read(id);
    assert(read.kind === "read");
    assert(mail.content.kind === "received");
    const sent = Buffer.concat(mail.content.pieces).toString();
    assert.equal(Buffer.from(read.message).toString(), sent);
    assert.deepEqual(await figuresOf(open(), inbox), [1, 1]);
    assert.equal((await open().figures()).messages, 1);
  });

  mailboxTest("without keys a list tells sizes, times, flags and states alone", async (made) => {
    const { open, openClosed } = made;
    const ids = [await add(open(), mailNamed("one")), await add(openClosed(), mailNamed("two", 1))];
    const { entries } = await openClosed().list(inbox, { limit: 10 });
    assert.deepEqual(
      entries.map(({ id, summary }) => [id, summary]),
      ids.toReversed().map((id) => [id, undefined]),
    );
    for (const id of ids) assert.deepEqual(await openClosed().read(id), { kind: "closed" });
    assert.deepEqual(await subjects(open()), ["two", "one"]);
  });

  mailboxTest(
    "a list has pages that stay where they are while mail comes and goes",
    async (made) => {
      const mailbox = made.open();
      const ids: MessageId[] = [];
      for (let at = 0; at < 7; at += 1) {
        // Some come in the same moment.
        ids.push(await add(mailbox, mailNamed(`m${String(at)}`, Math.floor(at / 3))));
      }
      const first = await mailbox.list(inbox, { limit: 3 });
      assert.deepEqual(
        first.entries.map(({ summary }) => summary?.subject),
        ["m6", "m5", "m4"],
      );
      await add(mailbox, mailNamed("later", 9));
      await mailbox.remove([ids[4] ?? assert.fail(), ids[2] ?? assert.fail()]);
      const second = await mailbox.list(inbox, { limit: 3, after: first.next });
      assert.deepEqual(
        second.entries.map(({ summary }) => summary?.subject),
        ["m3", "m1", "m0"],
      );
      const third = await mailbox.list(inbox, { limit: 3, after: second.next });
      assert.deepEqual([third.entries.length, third.next], [0, undefined]);
    },
  );

  mailboxTest("a repeated message is stored once", async ({ open, openClosed }) => {
    const mail = { ...mailNamed("once"), once: "tag" };
    const id = await add(open(), mail);
    assert.deepEqual(await open().append(mail), { kind: "there-already", id });
    assert.deepEqual(await figuresOf(open(), inbox), [1, 1]);
    await open().remove([id]);
    assert.deepEqual(await open().append(mail), { kind: "there-already", id });
    assert.equal(await openClosed().stored("tag"), id);
    assert.equal(await openClosed().stored("other"), undefined);
  });

  mailboxTest(
    "messages are found by their names, also while it is closed",
    async ({ open, openClosed }) => {
      const a = await add(open(), mailNamed("a"));
      await add(openClosed(), mailNamed("b"));
      assert.deepEqual(await openClosed().named("<a@alpha.test>"), [a]);
      assert.deepEqual(await openClosed().named("a@alpha.test"), [a]);
      assert.deepEqual(await openClosed().named(a), [a]);
      assert.deepEqual(await openClosed().named(a.slice(0, 20)), [a]);
      for (const name of ["", "c@alpha.test", "%"]) {
        assert.deepEqual(await openClosed().named(name), []);
      }
      assert.equal(await openClosed().hasSealed(["a@alpha.test"]), false);
      await open().remove([a]);
      assert.deepEqual(await openClosed().named("a@alpha.test"), []);
    },
  );

  mailboxTest("flags are set and cleared, and counted", async ({ open }) => {
    const mailbox = open();
    const [a, b] = [await add(mailbox, mailNamed("a")), await add(mailbox, mailNamed("b", 1))];
    assert.deepEqual(await mailbox.flag([a, b], { set: ["seen", "flagged"] }), [a, b]);
    assert.deepEqual(await figuresOf(mailbox, inbox), [2, 0]);
    assert.deepEqual(await mailbox.flag([a], { set: ["seen"] }), []);
    await mailbox.flag([a], { clear: ["seen"], set: ["answered"] });
    assert.deepEqual((await mailbox.entry(a))?.flags, ["answered", "flagged"]);
    assert.deepEqual(await figuresOf(mailbox, inbox), [2, 1]);
  });

  mailboxTest("messages move between folders, own ones too", async ({ open }) => {
    const mailbox = open();
    const id = await add(mailbox, mailNamed("moved"));
    const added = await mailbox.addFolder("Project Tide");
    assert(added.kind === "added");
    assert.deepEqual(await mailbox.move([id], added.id), { kind: "done", ids: [id] });
    assert.deepEqual(await subjects(mailbox), []);
    assert.deepEqual(await subjects(mailbox, added.id), ["moved"]);
    assert.deepEqual(await figuresOf(mailbox, added.id), [1, 1]);
    assert.deepEqual(await figuresOf(mailbox, inbox), [0, 0]);
    const nowhere = await mailbox.move([id], "nowhere" as FolderId);
    assert.deepEqual(nowhere, { kind: "no-folder" });
    assert.deepEqual(await mailbox.append({ ...mailNamed("x"), folder: "nowhere" as FolderId }), {
      kind: "no-folder",
    });
  });

  mailboxTest("a copy has a life of its own", async ({ open, expunge }) => {
    const mailbox = open();
    const id = await add(mailbox, mailNamed("copied"));
    const copied = await mailbox.copy([id], standardFolder("archive"));
    assert(copied.kind === "done");
    const [copy] = copied.ids;
    assert(copy !== undefined && copy !== id);
    await mailbox.remove([id]);
    await expunge();
    assert.deepEqual(await mailbox.read(id), { kind: "no-message" });
    assert.equal((await mailbox.read(copy)).kind, "read");
    assert.equal((await mailbox.entry(copy))?.summary?.subject, "copied");
    assert.equal((await mailbox.figures()).messages, 1);
  });

  mailboxTest("a removed message comes back where it was, until it is deleted", async (made) => {
    const mailbox = made.open();
    const id = await add(mailbox, { ...mailNamed("gone"), folder: trash });
    assert.deepEqual(await mailbox.remove([id]), [id]);
    assert.deepEqual(await mailbox.remove([id]), []);
    assert.deepEqual(await subjects(mailbox, trash), []);
    assert.equal(await mailbox.entry(id), undefined);
    assert.deepEqual(await figuresOf(mailbox, trash), [0, 0]);
    assert.deepEqual(await mailbox.restore([id]), [id]);
    assert.deepEqual(await subjects(mailbox, trash), ["gone"]);
    await mailbox.remove([id]);
    await made.expunge();
    assert.deepEqual(await mailbox.restore([id]), []);
    assert.deepEqual((await mailbox.figures()).messages, 0);
    assert.deepEqual((await mailbox.figures()).bytes, 0);
  });

  mailboxTest("own folders have names that only the reader sees", async ({ open, openClosed }) => {
    const mailbox = open();
    const added = await mailbox.addFolder("  Reisen  ");
    assert(added.kind === "added");
    const nameIn = async (from: Mailbox) =>
      (await from.folders()).find(({ id }) => id === added.id)?.name;
    assert.equal(await nameIn(mailbox), "Reisen");
    assert.equal(await nameIn(openClosed()), undefined);
    for (const [name, kind] of [
      ["reisen", "name-taken"],
      ["Inbox", "name-taken"],
      ["", "bad-name"],
      ["a\u0000b", "bad-name"],
      ["x".repeat(101), "bad-name"],
    ] as const) {
      assert.deepEqual(await mailbox.addFolder(name), { kind });
    }
    assert.deepEqual(await openClosed().addFolder("other"), { kind: "closed" });
    assert.deepEqual(await mailbox.renameFolder(added.id, "Journeys"), { kind: "renamed" });
    assert.equal(await nameIn(mailbox), "Journeys");
    const missing = await mailbox.renameFolder("nowhere" as FolderId, "y");
    assert.deepEqual(missing, { kind: "no-folder" });
  });

  mailboxTest(
    "a folder is removed when it shows nothing; what it had comes back to the inbox",
    async ({ open }) => {
      const mailbox = open();
      const added = await mailbox.addFolder("short");
      assert(added.kind === "added");
      const id = await add(mailbox, { ...mailNamed("kept"), folder: added.id });
      assert.deepEqual(await mailbox.removeFolder(added.id), { kind: "not-empty" });
      await mailbox.remove([id]);
      assert.deepEqual(await mailbox.removeFolder(added.id), { kind: "removed" });
      assert.deepEqual(await mailbox.removeFolder(added.id), { kind: "no-folder" });
      assert.deepEqual(await mailbox.removeFolder(inbox), { kind: "no-folder" });
      await mailbox.restore([id]);
      assert.deepEqual(await subjects(mailbox), ["kept"]);
    },
  );

  mailboxTest("keywords are kept for the reader alone", async ({ open, openClosed }) => {
    const id = await add(openClosed(), mailNamed("words"));
    assert.deepEqual(await openClosed().setKeywords(id, ["tax"]), { kind: "closed" });
    assert.deepEqual(await open().setKeywords(id, ["tax", "2026", "tax"]), { kind: "set" });
    assert.deepEqual((await open().entry(id))?.summary?.keywords, ["2026", "tax"]);
    assert.deepEqual(await open().setKeywords(id, ["two words"]), { kind: "bad-keyword" });
    const missing = await open().setKeywords("nothing" as MessageId, []);
    assert.deepEqual(missing, { kind: "no-message" });
  });

  mailboxTest(
    "what came while it was closed is prepared once, and stays as it is",
    async (made) => {
      const { open, openClosed } = made;
      const sent = [mailNamed("a"), mailNamed("b", 1), mailNamed("c", 2)];
      for (const mail of sent) await add(openClosed(), mail);
      const { latest } = await open().figures();
      assert.equal(await openClosed().catchUp(), 0);
      const beforePage = async () => Promise.reject(new Error("over"));
      await assert.rejects(open().catchUp({ beforePage }), /over/);
      const done: number[] = [];
      assert.equal(await open().catchUp({ progress: (count) => done.push(count) }), 3);
      assert.deepEqual(done.at(-1), 3);
      assert.equal(await open().catchUp(), 0);
      const { entries } = await open().list(inbox, { limit: 10 });
      assert.deepEqual(
        entries.map(({ summary }) => summary),
        sent.toReversed().map(({ summary }) => summary),
      );
      const changes = await open().changesSince(latest);
      assert(changes.kind === "changes");
      assert.deepEqual(changes.entries, []);
      assert.equal(await open().catchUp({ signal: AbortSignal.abort() }), 0);
    },
  );

  mailboxTest(
    "a conversion to the keys that are in force leaves all as it was",
    async ({ open, openClosed }) => {
      const sent = [mailNamed("a"), mailNamed("b", 1)];
      const ids: MessageId[] = [];
      for (const mail of sent) ids.push(await add(open(), mail));
      assert.deepEqual(await openClosed().convert(), { kind: "closed" });
      const { messages, latest } = await open().figures();
      const done: number[] = [];
      const progress = (count: number): void => void done.push(count);
      const conversion = await open().convert({ progress });
      assert.deepEqual(conversion, { kind: "converted", bodies: 0, left: 0, named: [] });
      assert(done.every((count) => count <= sent.length));
      const figures = await open().figures();
      assert.deepEqual([figures.messages, figures.latest], [messages, latest]);
      for (const id of ids) assert.equal((await open().read(id)).kind, "read");
    },
  );

  mailboxTest("whoever looked before learns what happened since", async ({ open, expunge }) => {
    const mailbox = open();
    const [a, b] = [await add(mailbox, mailNamed("a")), await add(mailbox, mailNamed("b"))];
    const { latest } = await mailbox.figures();
    const c = await add(mailbox, mailNamed("c"));
    await mailbox.flag([a], { set: ["seen"] });
    await mailbox.remove([b]);
    const changes = await mailbox.changesSince(latest);
    assert(changes.kind === "changes");
    assert.deepEqual(
      changes.entries.map(({ id }) => id),
      [c, a],
    );
    assert.deepEqual(changes.gone, [b]);
    const after = await mailbox.changesSince(changes.latest);
    assert.deepEqual(after, { ...changes, entries: [], gone: [] });
    await expunge();
    assert.equal((await mailbox.changesSince(latest)).kind, "forgotten");
    assert.equal((await mailbox.changesSince(changes.latest)).kind, "changes");
  });

  mailboxTest(
    "whoever watches is told of a change of another within a second",
    async ({ open }) => {
      const { latest } = await open().figures();
      const watching = open().watch(latest, AbortSignal.timeout(10_000));
      const id = await add(open(), mailNamed("news"));
      const from = performance.now();
      const changes = await watching;
      assert(changes?.kind === "changes");
      assert.deepEqual(
        changes.entries.map((entry) => entry.id),
        [id],
      );
      assert(performance.now() - from < 5000);
      const stopped = open().watch(changes.latest, AbortSignal.timeout(10));
      assert.equal(await stopped, undefined);
    },
  );
}
