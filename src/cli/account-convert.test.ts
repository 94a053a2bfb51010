/** `sealpost account convert-mailbox`, as an operator or a user types it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { add, summaryMail } from "../../test/contract/mailbox-world.ts";
import { addressOf } from "../../test/support/address.ts";
import { PASSWORD, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { openVault } from "../app/open-vault.ts";
import { systemClock } from "../base/time.ts";
import { loadConfig } from "../config/config.ts";
import { locked } from "../incoming/verdicts.ts";
import { findAccount } from "../store/accounts/accounts.ts";
import { beginOpening } from "../store/spool/openings.ts";

const GIVEN = ["ada@alpha.test", "--password-stdin"];

/** An account of this custody with a message that came while its mailbox was closed. */
async function withMail(cli: Cli, custody: string): Promise<void> {
  const mail = summaryMail("Harbour plan", { text: "The ferry leaves at noon." });
  await withNewMailbox(cli, custody, async ({ mailbox }) => add(mailbox, mail));
}

async function chosen(cli: Cli, mailboxKey: string): Promise<void> {
  const args = ["account", "mailbox-key", "ada@alpha.test", mailboxKey, "--password-stdin"];
  await cli.sealpost(args, PASSWORD);
}

async function subjects(cli: Cli): Promise<unknown> {
  const found = await cli.sealpost(["mail", "search", ...GIVEN.toSpliced(1, 0, "ferry")], PASSWORD);
  const { messages } = found;
  assert(Array.isArray(messages));
  return messages.map((entry: { readonly subject: unknown }) => entry.subject);
}

test("old mail goes to the mailbox's own pair, back, and to a new one, whenever it is asked for", async () => {
  await using cli = await openCli();
  await withMail(cli, "user");
  const convert = async () => cli.sealpost(["account", "convert-mailbox", ...GIVEN], PASSWORD);
  const done = { address: "ada@alpha.test", left: 0, named: [], waiting: 0 };
  for (const change of [
    async () => chosen(cli, "separate"),
    async () => chosen(cli, "same"),
    async () => cli.sealpost(["key", "rotate", ...GIVEN], PASSWORD),
  ]) {
    await change();
    assert.deepEqual(await subjects(cli), ["Harbour plan"]);
    assert.deepEqual(await convert(), { ...done, bodies: 1 });
    assert.deepEqual(await convert(), { ...done, bodies: 0 });
    assert.deepEqual(await subjects(cli), ["Harbour plan"]);
  }
  const { out } = await cli.attempt(["audit", "list", "ada@alpha.test"]);
  assert.equal(out.split("\n").filter((line) => line.includes("mailbox.converted")).length, 6);
});

test("a locked mailbox is converted with the right password alone, the others without one", async () => {
  await using cli = await openCli();
  await withMail(cli, "user");
  await chosen(cli, "separate");
  const none = await cli.attempt(["account", "convert-mailbox", "ada@alpha.test"]);
  assert.equal(none.code, 1);
  assert.match(none.err, /the mailbox is closed: .*--password-stdin/);
  const wrong = await cli.attempt(["account", "convert-mailbox", ...GIVEN], "another password");
  assert.equal(wrong.code, 1);
  await using provider = await openCli();
  await withMail(provider, "provider");
  await chosen(provider, "separate");
  const { code, out } = await provider.attempt(["account", "convert-mailbox", "ada@alpha.test"]);
  assert.equal(code, 0);
  assert.match(
    out,
    /^ada@alpha\.test: 1 body or attachment was taken under the present key pair\n/,
  );
  assert.match(out, /no message in the mailbox needs a former key pair any more\n$/);
});

test("a message that cannot be converted is named", async () => {
  await using cli = await openCli();
  await withMail(cli, "user");
  {
    await using vault = await openVault(await loadConfig(cli.config));
    await vault.store.db
      .updateTable("blobs")
      .set({ bytes: new Uint8Array(9), size: 9 })
      .execute();
  }
  await chosen(cli, "separate");
  const { code, out } = await cli.attempt(["account", "convert-mailbox", ...GIVEN], PASSWORD);
  assert.equal(code, 0);
  assert.match(
    out,
    /\n[0-9a-f-]{36} +it is damaged, or is not opened here\n1 message still needs another key pair/,
  );
});

test("mail that waits is said to be left as it is, and how many messages that are", async () => {
  await using cli = await openCli();
  await withMail(cli, "user");
  {
    await using vault = await openVault(await loadConfig(cli.config));
    const account = await findAccount(vault.store, addressOf("ada@alpha.test"));
    assert(account);
    const now = systemClock.now();
    for (const name of ["first", "second"]) {
      const id = await haveWaiting(vault.store, {
        account: account.id,
        form: "sealed",
        body: Buffer.from(name),
        verdict: locked(now),
        receivedAt: now,
        sizeBytes: name.length,
        outerFrom: "alice@beta.test",
      });
      // Begun so often without an end, it is tried again only later.
      for (let at = 0; at < 3; at += 1) await beginOpening(vault.store, account.id, id, now);
    }
  }
  await chosen(cli, "separate");
  const { code, out } = await cli.attempt(["account", "convert-mailbox", ...GIVEN], PASSWORD);
  assert.equal(code, 0);
  assert.match(
    out,
    /any more\n2 messages still wait to be opened and were not converted; do this again once/,
  );
  const { waiting } = await cli.sealpost(["account", "convert-mailbox", ...GIVEN], PASSWORD);
  assert.equal(waiting, 2);
});
