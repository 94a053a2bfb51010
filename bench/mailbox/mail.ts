/** Mail as people have it, made quickly: rows are inserted directly, and the octets of bodies are random. */
import { randomBytes, randomUUID } from "node:crypto";

import { after, fromUnixMs, MINUTE } from "../../src/base/time.ts";
import { unprotected } from "../../src/incoming/verdicts.ts";
import { wrapSummary } from "../../src/mailbox/embedded/entries.ts";
import { MailboxKeys } from "../../src/mailbox/embedded/mailbox-keys.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import { makeSegments } from "../../src/mailbox/search/segment-making.ts";
import { termsOf, textTerms } from "../../src/mailbox/search/terms.ts";
import { wrapTerms } from "../../src/mailbox/search/wrapped.ts";
import type { Summary } from "../../src/mailbox/summary.ts";
import type { Store } from "../../src/store/store.ts";
import type { EmbeddedMailbox } from "../../test/support/embedded-mailbox.ts";

/** The size of a message, and how many words its text has; the rest is header, markup and encoding. */
const MESSAGE_OCTETS = 27_000;
const WORDS = 1500;
const WORDS_IN_SUBJECT = 6;
/** How many words there are; some are in nearly every text, most in very few. */
const VOCABULARY = 50_000;
const START = fromUnixMs(1_700_000_000_000);
/** How many messages one statement inserts. */
const AT_ONCE = 100;
const BETWEEN_SEGMENTS = 2000;
/** One message in so many answers the one before it. */
const ANSWERS = 4;

/** A word by how frequent it is; 0 is the most frequent one. */
export function wordAt(rank: number): string {
  let [word, rest] = ["", rank + 1];
  for (; rest > 0; rest = Math.floor(rest / 60)) {
    word += `${"bdfghklmnprst"[rest % 12] ?? ""}${"aeiou"[Math.floor(rest / 12) % 5] ?? ""}`;
  }
  return `${word}n`;
}

/** Words by the law of Zipf. */
function text(count: number): string {
  const rank = (): number => Math.floor(VOCABULARY ** Math.random()) - 1;
  return Array.from({ length: count }, () => wordAt(rank())).join(" ");
}

/** The message with this number; its subject has a word of its own. */
export function summaryAt(number: number): Summary {
  const id = `${String(number)}@alpha.test`;
  const isAnswer = number % ANSWERS !== 0;
  return {
    from: `Person ${String(number % 300)} <person${String(number % 300)}@alpha.test>`,
    to: "Bob <bob@beta.test>",
    subject: `${text(WORDS_IN_SUBJECT)} own${String(number)}`,
    claimed: "",
    date: START,
    snippet: text(20),
    attachments: [],
    messageId: id,
    references: isAnswer ? [`${String(number - 1)}@alpha.test`] : [],
    verdict: unprotected(START),
    keywords: [],
  };
}

/** Adds the messages `from` to `to` and puts them into the index. */
export async function haveMail(made: EmbeddedMailbox, from: number, to: number): Promise<void> {
  const { store, account } = made;
  const keys = MailboxKeys.of(account.id, made.keys);
  if (keys === undefined) throw new Error("the mailbox has no keys");
  const octets = randomBytes(2 * MESSAGE_OCTETS);
  for (let at = from; at < to; at += AT_ONCE) {
    const end = Math.min(at + AT_ONCE, to);
    const numbers = Array.from({ length: end - at }, (_, n) => at + n);
    await insertMail(made, keys, numbers, octets);
    if (end % BETWEEN_SEGMENTS < AT_ONCE) {
      await makeSegments(messageWorkHere, { store, account: account.id, keys }, {});
    }
  }
  await makeSegments(messageWorkHere, { store, account: account.id, keys }, {});
}

async function insertMail(
  { store, account: { id: account } }: EmbeddedMailbox,
  keys: MailboxKeys,
  numbers: readonly number[],
  octets: Uint8Array,
): Promise<void> {
  const messages = numbers.map((number) => {
    const summary = summaryAt(number);
    const blob = randomUUID();
    const { key, octets: terms } = wrapTerms(
      keys,
      number,
      termsOf(summary, textTerms(text(WORDS))),
    );
    return { number, key, terms, blob, summary: wrapSummary(keys, blob, summary).octets };
  });
  await store.transaction(async (tx) => {
    await tx.db
      .insertInto("blobs")
      .values(
        messages.map(({ blob, number }) => {
          const bytes = octets.subarray(number % MESSAGE_OCTETS).subarray(0, MESSAGE_OCTETS);
          return { id: blob, account, place: "database", size: bytes.length, pieces: "", bytes };
        }),
      )
      .execute();
    await tx.db
      .insertInto("mailbox_messages")
      .values(
        messages.map(({ number, key, blob, summary }) => ({
          id: blob,
          account,
          folder: number % 5 === 0 ? "archive" : "inbox",
          number,
          change: number,
          flags: 0,
          form: "clear",
          state: "UNPROTECTED",
          blob,
          key,
          summary,
          once: blob,
          name: blob,
          size_bytes: MESSAGE_OCTETS,
          stored_bytes: MESSAGE_OCTETS + summary.length,
          received_at: after(START, number * MINUTE).getTime(),
          expunge_at: 0,
          is_protected: 0,
          is_indexed: 1,
        })),
      )
      .execute();
    await tx.db
      .insertInto("search_terms")
      .values(
        messages.map(({ number, key, terms }) => ({ account, number, key, terms, written: 0 })),
      )
      .execute();
    await count(tx, account, numbers.at(-1) ?? 0);
  });
}

/** What the mailbox counts of messages up to `last`. */
async function count(
  tx: Store,
  account: EmbeddedMailbox["account"]["id"],
  last: number,
): Promise<void> {
  const counted = { last_number: last, last_change: last, messages: last };
  await tx.db
    .insertInto("mailboxes")
    .values({ account, ...counted })
    .onConflict((conflict) => conflict.column("account").doUpdateSet(counted))
    .execute();
  for (const [folder, messages] of [
    ["archive", Math.floor(last / 5)],
    ["inbox", last - Math.floor(last / 5)],
  ] as const) {
    await tx.db
      .insertInto("folder_use")
      .values({ account, folder, messages, unseen: messages })
      .onConflict((conflict) =>
        conflict.columns(["account", "folder"]).doUpdateSet({ messages, unseen: messages }),
      )
      .execute();
  }
}
