/** `sealpost mail search` and `mail folders`, as an operator or a user types them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { openCli, type Cli } from "../../test/support/cli.ts";
import { summaryMail } from "../../test/contract/mailbox-world.ts";
import { findAccount } from "../accounts/accounts.ts";
import { openReading } from "../app/open-reading.ts";
import { openVault } from "../app/open-vault.ts";
import { loadConfig } from "../config/config.ts";
import { parseAddress } from "../mail/address.ts";

const ADA = parseAddress("ada@alpha.test");

/** An account of this custody with two messages that came while its mailbox was closed. */
async function withMail(cli: Cli, custody: string): Promise<void> {
  const add = ["account", "add", "ada@alpha.test", "--custody", custody, "--password-stdin"];
  await cli.sealpost(add, "the password");
  await using vault = await openVault(await loadConfig(cli.config));
  await using reading = await openReading(vault);
  const account = ADA && (await findAccount(vault.store, ADA));
  assert(account);
  const mailbox = reading.deps.mailboxOf(vault.store, account);
  for (const [subject, text] of [
    ["Harbour plan", "The ferry leaves at noon."],
    ["Lunch", "Soup and bread."],
  ] as const) {
    const { kind } = await mailbox.append(summaryMail(subject, { text }));
    assert.equal(kind, "appended");
  }
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
