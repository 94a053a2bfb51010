/** `sealpost account suggestions`, as an operator or a user types it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { summaryMail, type Content } from "../../test/contract/mailbox-world.ts";
import { addAll, ADDRESS, PASSWORD, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { canonicalAddress, parseAddress } from "../mail/address.ts";
import { standardFolder, type NewMail } from "../mailbox/mailbox.ts";
import type { SentTo } from "../mailbox/summary.ts";

const COMMAND = ["account", "suggestions", ADDRESS];

function to(address: string, got: SentTo["got"], code = ""): SentTo {
  return { address, got, code, fingerprint: "", isBlind: false };
}

/** A message that came by a list. */
function fromList(messageId: string, list: string): NewMail {
  const address = parseAddress(list);
  assert(address);
  return summaryMail("a question", { messageId, list: canonicalAddress(address) });
}

/** An answer that the user wrote. */
function answerTo(messageId: string, sent: readonly SentTo[], more: Content = {}): NewMail {
  const content = { messageId: `answer.${messageId}`, references: [messageId], sent, ...more };
  return { ...summaryMail("Re: a question", content), folder: standardFolder("sent") };
}

async function withLists(cli: Cli, custody: string): Promise<void> {
  await withNewMailbox(cli, custody, async ({ mailbox }) => {
    await addAll(mailbox, [
      fromList("1@x", "makers@lists.test"),
      answerTo("1@x", [
        to("Makers@lists.test", "clear", "NOSVC"),
        to("carol@legacy.test", "clear", "NOKEY"),
      ]),
      // Somebody claims that a person who has a key is a list.
      fromList("2@x", "bob@beta.test"),
      answerTo("2@x", [to("bob@beta.test", "clear", "NOKEY")]),
      answerTo("3@x", [to("bob@beta.test", "sealed", "OK")]),
      // Or of whom nobody knows whether they have a key.
      fromList("5@x", "ben@beta.test"),
      answerTo("5@x", [to("ben@beta.test", "clear")]),
      // Nobody answers on it.
      fromList("4@x", "news@lists.test"),
    ]);
    return [];
  });
}

test("a list that the user answered on is suggested, and nobody for whom mail was encrypted", async () => {
  await using cli = await openCli();
  await withLists(cli, "provider");
  const suggestions = [{ contact: "makers@lists.test", rule: "never" }];
  assert.deepEqual(await cli.sealpost(COMMAND), { address: ADDRESS, suggestions });
  const { out } = await cli.attempt(COMMAND);
  assert.match(out, /^never for makers@lists\.test: .* sealpost account rule \S+ makers@lists/);

  await cli.sealpost(["account", "rule", ADDRESS, "@lists.test", "ask"]);
  assert.deepEqual(await cli.sealpost(COMMAND), { address: ADDRESS, suggestions: [] });
  assert.match((await cli.attempt(COMMAND)).out, /suggests no rule/);
});

test("a mailbox that is closed suggests nothing until its password is given", async () => {
  await using cli = await openCli();
  await withLists(cli, "user");
  assert.match((await cli.attempt(COMMAND)).err, /the mailbox is closed: .*--password-stdin/);
  const { suggestions } = await cli.sealpost([...COMMAND, "--password-stdin"], PASSWORD);
  assert.equal((suggestions as readonly unknown[]).length, 1);
});
