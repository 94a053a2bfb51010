/** `sealpost mail search` and `mail folders`, as an operator or a user types them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { summaryMail } from "../../test/contract/mailbox-world.ts";
import { addAll, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";

/** An account of this custody with two messages that came while its mailbox was closed. */
async function withMail(cli: Cli, custody: string): Promise<void> {
  const mails = [
    summaryMail("Harbour plan", { text: "The ferry leaves at noon." }),
    summaryMail("Lunch", { text: "Soup and bread." }),
  ];
  await withNewMailbox(cli, custody, async ({ mailbox }) => addAll(mailbox, mails));
}

async function subjectsOf(cli: Cli, words: string, input?: string): Promise<unknown> {
  const given = input === undefined ? [] : ["--password-stdin"];
  const { messages } = await cli.sealpost(
    ["mail", "search", "ada@alpha.test", words, ...given],
    input,
  );
  assert(Array.isArray(messages));
  return messages.map((entry: { readonly subject: unknown }) => entry.subject);
}

test("mail is found by words of its subject and of its text, and the provider's search is audited", async () => {
  await using cli = await openCli();
  await withMail(cli, "provider");
  assert.deepEqual(await subjectsOf(cli, "harb"), ["Harbour plan"]);
  assert.deepEqual(await subjectsOf(cli, "ferry noon"), ["Harbour plan"]);
  assert.deepEqual(await subjectsOf(cli, "soup ferry"), []);
  const { out } = await cli.attempt(["audit", "list", "ada@alpha.test"]);
  assert.match(out, /mail\.searched/);
  assert.doesNotMatch(out, /ferry/);
});

test("a locked mailbox is searched with the password alone", async () => {
  await using cli = await openCli();
  await withMail(cli, "user");
  const refused = await cli.attempt(["mail", "search", "ada@alpha.test", "soup"]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /the mailbox is closed: .*--password-stdin/);
  assert.deepEqual(await subjectsOf(cli, "soup", "the password"), ["Lunch"]);
});

test("folders are listed with what they hold, without a password too", async () => {
  await using cli = await openCli();
  await withMail(cli, "provider");
  const { out } = await cli.attempt(["mail", "folders", "ada@alpha.test"]);
  assert.match(out, /^inbox +inbox +2 messages +2 new$/m);
  const folders = await cli.sealpost(["mail", "folders", "ada@alpha.test"]);
  assert(Array.isArray(folders));
  assert.equal(folders.length, 6);
});
