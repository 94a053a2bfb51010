/** `sealpost mail list` page by page, `mail move`, `mail delete` and `mail restore`, as people type them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { summaryMail } from "../../test/contract/mailbox-world.ts";
import { ADDRESS, addAll, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { locked } from "../incoming/verdicts.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import type { Account } from "../words/account.ts";

/** An account with messages of these minutes in its inbox, and one that waits for its key. */
async function withMail(
  cli: Cli,
  custody: string,
  o: { readonly count: number; readonly waits: readonly number[] },
): Promise<{ readonly ids: readonly MessageId[]; readonly waiting: readonly string[] }> {
  return withNewMailbox(cli, custody, async ({ store, account, mailbox }) => {
    const mails = Array.from({ length: o.count }, (_, minutes) =>
      summaryMail(`m${String(minutes)}`, { minutes }),
    );
    const ids = await addAll(mailbox, mails);
    const waiting: string[] = [];
    for (const minutes of o.waits) waiting.push(await wait(store, account, minutes));
    return { ids, waiting };
  });
}

async function wait(
  store: Parameters<typeof haveWaiting>[0],
  account: Account,
  minutes: number,
): Promise<string> {
  const { receivedAt } = summaryMail("", { minutes });
  return haveWaiting(store, {
    account: account.id,
    body: Buffer.from(`sealed ${String(minutes)}`),
    form: "sealed",
    receivedAt,
    sizeBytes: 7,
    outerFrom: "x@y.test",
    verdict: locked(receivedAt),
  });
}

type Listed = { readonly id: string; readonly subject: string; readonly folder: string | null };

async function pages(cli: Cli, args: readonly string[], input?: string): Promise<Listed[][]> {
  const given = input === undefined ? [] : ["--password-stdin"];
  const all: Listed[][] = [];
  for (let next: unknown = undefined; next !== null;) {
    const after = typeof next === "string" ? ["--after", next] : [];
    const page = await cli.sealpost([...args, ...given, ...after], input);
    all.push(page["messages"] as Listed[]);
    next = page["next"];
    assert(all.length < 20, "the pages do not end");
  }
  return all;
}

test("pages of the inbox hold what waits in its place, each message once", async () => {
  await using cli = await openCli();
  const { ids, waiting } = await withMail(cli, "user", { count: 5, waits: [1, 3, 9] });
  const [first, second, third] = waiting;
  const expected = [third, ids[4], ids[3], second, ids[2], ids[1], first, ids[0]];
  for (const limit of [1, 2, 3, 5, 8, 200]) {
    const all = await pages(cli, ["mail", "list", ADDRESS, "--limit", String(limit)]);
    assert.deepEqual(
      all.flat().map(({ id }) => id),
      expected,
      String(limit),
    );
    assert(all.every((page) => page.length <= limit));
  }
  const found = await pages(cli, ["mail", "search", ADDRESS, "m", "--limit", "2"], "the password");
  assert.deepEqual(
    found.flat().map(({ subject }) => subject),
    ["m4", "m3", "m2", "m1", "m0"],
  );
  const text = await cli.attempt(["mail", "list", ADDRESS, "--limit", "2"]);
  assert.match(text.err, /there are more; the next page: --after \S+$/);
  for (const [option, value] of [
    ["--limit", "0"],
    ["--limit", "201"],
    ["--after", "nonsense"],
  ] as const) {
    const wrong = await cli.attempt(["mail", "list", ADDRESS, option, value]);
    assert.equal(wrong.code, 2, wrong.err);
  }
});

test("a message as JSON has all that a list knows of it", async () => {
  await using cli = await openCli();
  await withMail(cli, "provider", { count: 1, waits: [] });
  const { messages } = await cli.sealpost(["mail", "list", ADDRESS]);
  assert(Array.isArray(messages));
  assert.deepEqual(
    Object.keys(messages[0] as object).join(" "),
    "id folder flags keywords from claimed to subject date snippet attachments state warnings sentence " +
      "unsigned signature signedAt signer fingerprint scan sent receivedAt sizeBytes",
  );
});

test("messages are moved, deleted and restored, and the log says so where the password was not given", async () => {
  await using cli = await openCli();
  const { ids } = await withMail(cli, "user", { count: 3, waits: [] });
  const [one = "", two = ""] = ids;
  assert.deepEqual(
    await cli.sealpost(["mail", "move", ADDRESS, "Archive", one, two.slice(0, 20)]),
    {
      moved: [one, two],
    },
  );
  const listArchive = ["mail", "list", ADDRESS, "--folder", "archive"];
  assert.deepEqual(
    (await pages(cli, listArchive)).flat().map(({ id }) => id),
    [two, one],
  );
  await cli.sealpost(["mail", "delete", ADDRESS, one, "--password-stdin"], "the password");
  assert.equal((await pages(cli, listArchive)).flat().length, 1);
  assert.deepEqual(await cli.sealpost(["mail", "restore", ADDRESS, one]), { restored: [one] });
  assert.equal((await pages(cli, listArchive)).flat().length, 2);
  const { out } = await cli.attempt(["audit", "list", ADDRESS]);
  assert.match(out, /mail\.moved.*2/);
  assert.match(out, /mail\.restored/);
  assert.doesNotMatch(out, /mail\.removed/);
});

test("what cannot be moved or deleted is refused as a whole, with a reason and what to do", async () => {
  await using cli = await openCli();
  const { ids, waiting } = await withMail(cli, "user", { count: 1, waits: [0] });
  const [kept = "", waits = ""] = [ids[0], waiting[0]];
  for (const [args, expected] of [
    [
      ["delete", ADDRESS, kept, waits],
      /still waits and is not in the mailbox yet; give the password/,
    ],
    [["delete", ADDRESS, kept, "nothing"], /there is no message nothing; see: sealpost mail list/],
    [
      ["move", ADDRESS, "Holidays", kept],
      /there is no folder Holidays; see: sealpost mail folders/,
    ],
    [
      ["restore", ADDRESS, kept],
      /there is no deleted message .*; it takes the whole ID, within an hour/,
    ],
    [["list", ADDRESS, "--folder", "Holidays"], /there is no folder Holidays/],
  ] as const) {
    const refused = await cli.attempt(["mail", ...args]);
    assert.equal(refused.code, 1);
    assert.match(refused.err, expected);
  }
  assert.equal((await pages(cli, ["mail", "list", ADDRESS])).flat().length, 2);
  assert.equal((await cli.attempt(["mail", "delete", ADDRESS])).code, 2);
});
