/** What searches and threads of every mailbox must do. `mailbox.ts` runs these tests. */
import assert from "node:assert/strict";

import { after, MINUTE } from "../../src/base/time.ts";
import {
  standardFolder,
  type Cursor,
  type Mailbox,
  type MailQuery,
  type MessageId,
  type NewMail,
} from "../../src/mailbox/mailbox.ts";
import { unprotected } from "../../src/incoming/verdicts.ts";
import { add, start, summaryMail, type Content, type MailboxTest } from "./mailbox-world.ts";

const archive = standardFolder("archive");

/** Appends messages, each a minute after the one before, and prepares them. */
async function have(mailbox: Mailbox, mails: readonly NewMail[]): Promise<readonly MessageId[]> {
  const ids: MessageId[] = [];
  for (const [at, one] of mails.entries()) {
    ids.push(await add(mailbox, { ...one, receivedAt: after(one.receivedAt, at * MINUTE) }));
  }
  await mailbox.catchUp();
  return ids;
}

/** The subjects of what a search finds. */
async function found(mailbox: Mailbox, query: MailQuery): Promise<readonly unknown[]> {
  const page = await mailbox.search(query, { limit: 100 });
  assert(page.kind === "found");
  return page.entries.map(({ summary }) => summary?.subject);
}

/** Texts of many scripts, what finds them, and what does not. */
const SCRIPTS: readonly (readonly [
  name: string,
  text: string,
  finding: readonly string[],
  other: string,
])[] = [
  ["latin", "Crème brûlée à la Zürich, Straße", ["creme", "BRÛL", "zurich strasse"], "cremes"],
  ["cyrillic", "Договор подписан в Йошкар-Оле", ["договор", "ПОДПИС", "йошкар"], "доворог"],
  ["greek", "Ο Σίσυφος κύλησε τον βράχο", ["σισυφος", "ΒΡΑΧ"], "βραχους"],
  ["arabic", "رسالة من مُحَمَّد إلى أحمد", ["محمد", "احمد", "رسال"], "سالم"],
  ["hebrew", "שָׁלוֹם לכולם", ["שלום", "לכול"], "לום"],
  ["chinese", "东京都的会议记录", ["会议", "都的", "议", "东京都的会议"], "议会"],
  ["japanese", "会社のメールをご確認ください", ["メール", "確認", "ください", "ル"], "ーメ"],
  ["thai", "ขอบคุณสำหรับจดหมาย", ["จดหมาย", "คุณ", "สำหรับจด"], "หมายจด"],
  ["korean", "회의록을 첨부합니다", ["회의록", "첨부"], "의록"],
];

/** Runs the tests. */
export function testFinding(mailboxTest: MailboxTest): void {
  mailboxTest("words and their beginnings are found in any script", async ({ open }) => {
    const mails = SCRIPTS.map(([name, text]) => summaryMail(name, { text }));
    await have(open(), mails);
    for (const [name, , finding, other] of SCRIPTS) {
      for (const text of finding) assert.deepEqual(await found(open(), { text }), [name], text);
      assert.deepEqual(await found(open(), { text: other }), [], other);
    }
  });

  mailboxTest("what left in clear for want of a certificate is found as such", async ({ open }) => {
    const to = {
      address: "bob@beta.test",
      fingerprint: "",
      isBlind: false,
      code: "NOSVC",
    } as const;
    const inClear: Content = { sent: [{ ...to, got: "clear" }] };
    const refused: Content = { sent: [{ ...to, got: "refused" }] };
    const mails = [
      summaryMail("refused", refused),
      summaryMail("clear tide", inClear),
      summaryMail("clear moon", inClear),
      summaryMail("came"),
    ];
    await have(open(), mails);
    const hasNotice = true;
    assert.deepEqual(await found(open(), { hasNotice }), ["clear moon", "clear tide"]);
    assert.deepEqual(await found(open(), { hasNotice, subject: "tide" }), ["clear tide"]);
    assert.deepEqual(await found(open(), { hasNotice, folder: archive }), []);
  });

  mailboxTest("each field is searched apart, and all of them together", async ({ open }) => {
    const content: Content = {
      from: "Alice Reef <alice@alpha.test>",
      to: "Bob Shore <bob@beta.test>",
      attachments: [{ name: "tide-table.pdf", sizeBytes: 1 }],
      keywords: ["harbour"],
      text: "Low water is at noon.",
    };
    await have(open(), [summaryMail("Moon phases", content), summaryMail("other")]);
    const words = {
      from: "reef",
      to: "beta.test",
      subject: "phase",
      attachment: "tide",
      keyword: "harbour",
      text: "low noon",
    } satisfies MailQuery;
    for (const [field, text] of Object.entries(words)) {
      assert.deepEqual(await found(open(), { [field]: text }), ["Moon phases"], field);
      assert.deepEqual(await found(open(), { anywhere: text }), ["Moon phases"], field);
      const elsewhere = field === "text" ? "subject" : "text";
      assert.deepEqual(await found(open(), { [elsewhere]: text }), [], field);
    }
    assert.deepEqual(await found(open(), words), ["Moon phases"]);
    assert.deepEqual(await found(open(), { ...words, text: "high" }), []);
    assert.deepEqual(await found(open(), { anywhere: "tide noon reef" }), ["Moon phases"]);
    assert.deepEqual(await found(open(), { anywhere: "?!" }), []);
    assert.deepEqual(await found(open(), { anywhere: " " }), ["other", "Moon phases"]);
  });

  mailboxTest("folder, state and dates narrow a search", async ({ open }) => {
    const mailbox = open();
    const locked = { ...unprotected(start), state: "DAMAGED" } as const;
    const mails = [
      summaryMail("tide 0"),
      { ...summaryMail("tide 1"), folder: archive },
      summaryMail("tide 2"),
    ];
    await have(mailbox, [...mails, summaryMail("tide 3", { verdict: locked })]);
    const all = ["tide 3", "tide 2", "tide 1", "tide 0"];
    assert.deepEqual(await found(mailbox, { subject: "tide" }), all);
    assert.deepEqual(await found(mailbox, {}), all);
    for (const query of [{ subject: "tide" }, {}]) {
      assert.deepEqual(await found(mailbox, { ...query, folder: archive }), ["tide 1"]);
      assert.deepEqual(await found(mailbox, { ...query, state: "DAMAGED" }), ["tide 3"]);
      const dates = { after: after(start, MINUTE), before: after(start, 3 * MINUTE) };
      assert.deepEqual(await found(mailbox, { ...query, ...dates }), ["tide 2", "tide 1"]);
    }
  });

  mailboxTest("a search has pages that stay where they are while mail comes", async (made) => {
    const mailbox = made.open();
    const mails = Array.from({ length: 7 }, (_, at) => summaryMail(`tide ${String(at)}`));
    const ids = await have(mailbox, mails);
    const pages: unknown[] = [];
    let next: Cursor | undefined;
    for (let page = 0; page < 3; page += 1) {
      const result = await mailbox.search({ subject: "tide" }, { limit: 3, after: next });
      assert(result.kind === "found");
      pages.push(result.entries.map(({ summary }) => summary?.subject));
      next = result.next;
      await have(mailbox, [summaryMail("tide later", { minutes: 100 })]);
      await mailbox.remove([ids[2] ?? assert.fail()]);
    }
    assert.deepEqual(pages, [["tide 6", "tide 5", "tide 4"], ["tide 3", "tide 1", "tide 0"], []]);
  });

  mailboxTest("a search sees moves, removals, copies and keywords at once", async (made) => {
    const { open, expunge } = made;
    const mailbox = open();
    const [id = assert.fail()] = await have(mailbox, [summaryMail("tide", { text: "low water" })]);
    await mailbox.move([id], archive);
    assert.deepEqual(await found(open(), { text: "water", folder: archive }), ["tide"]);
    assert.deepEqual(await found(open(), { text: "water", folder: standardFolder("inbox") }), []);
    await mailbox.setKeywords(id, ["harbour"]);
    assert.deepEqual(await found(open(), { keyword: "harb", text: "low" }), ["tide"]);
    await mailbox.setKeywords(id, ["pier"]);
    assert.deepEqual(await found(open(), { keyword: "harbour" }), []);
    assert.deepEqual(await found(open(), { keyword: "pier" }), ["tide"]);
    await mailbox.copy([id], archive);
    const before = await mailbox.search({ text: "water" }, { limit: 9 });
    assert(before.kind === "found" && before.unindexed === 1);
    await mailbox.catchUp();
    const copied = await mailbox.search({ text: "water" }, { limit: 9 });
    assert(copied.kind === "found" && copied.unindexed === 0);
    assert.equal(copied.entries.length, 2);
    await mailbox.remove([id]);
    assert.deepEqual(await found(open(), { text: "water" }), ["tide"]);
    await mailbox.restore([id]);
    assert.deepEqual(await found(open(), { text: "water" }), ["tide", "tide"]);
    await mailbox.remove(copied.entries.map((entry) => entry.id));
    await expunge();
    assert.deepEqual(await found(open(), { text: "water" }), []);
  });

  mailboxTest("what came while it was closed is found once it is prepared", async (made) => {
    await add(made.openClosed(), summaryMail("tide", { text: "low water" }));
    assert.deepEqual(await found(made.open(), { text: "water" }), []);
    assert.equal(await made.open().catchUp(), 1);
    assert.deepEqual(await found(made.open(), { text: "water" }), ["tide"]);
  });

  mailboxTest("without keys nothing is searched, and there are no threads", async (made) => {
    const [id = assert.fail()] = await have(made.open(), [summaryMail("tide")]);
    assert.deepEqual(await made.openClosed().search({}, { limit: 1 }), { kind: "closed" });
    assert.deepEqual(await made.openClosed().thread(id), { kind: "closed" });
  });

  mailboxTest("a thread is what its messages name, in both directions", async ({ open }) => {
    const mailbox = open();
    const named = (messageId: string, ...references: readonly string[]) =>
      summaryMail(messageId, { messageId, references });
    const ids = await have(mailbox, [
      named("a"),
      named("b", "a"),
      named("apart", "nothing"),
      named("c", "b"),
      named("d", "lost"),
      named("e", "lost", "c"),
      named("A", "B"),
      summaryMail("a"),
    ]);
    const threadOf = async (at: number): Promise<readonly unknown[]> => {
      const thread = await mailbox.thread(ids[at] ?? assert.fail());
      assert(thread.kind === "thread");
      return thread.entries.map(({ summary }) => summary?.subject);
    };
    for (const at of [0, 1, 3, 4, 5]) {
      assert.deepEqual(await threadOf(at), ["a", "b", "c", "d", "e"], String(at));
    }
    assert.deepEqual(await threadOf(2), ["apart"]);
    assert.deepEqual(await threadOf(6), ["A"]);
    assert.deepEqual(await threadOf(7), ["a"]);
    await mailbox.remove([ids[3] ?? assert.fail()]);
    assert.deepEqual(await threadOf(0), ["a", "b"]);
    assert.deepEqual(await mailbox.thread("nothing" as MessageId), { kind: "no-message" });
    assert.deepEqual(await mailbox.thread(ids[3] ?? assert.fail()), { kind: "no-message" });
  });

  mailboxTest("a thread of very many messages ends", async ({ open }) => {
    const mailbox = open();
    const mails = Array.from({ length: 520 }, (_, at) =>
      summaryMail("deep", { messageId: String(at), references: ["0"] }),
    );
    const [id = assert.fail()] = await have(mailbox, mails);
    const thread = await mailbox.thread(id);
    assert(thread.kind === "thread");
    assert.equal(thread.entries.length, 500);
    assert(thread.entries.some((entry) => entry.id === id));
  });
}
