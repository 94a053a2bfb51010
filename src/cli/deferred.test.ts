/** `sealpost deferred`, as operators type it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../test/support/address.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { haveDeferred } from "../../test/support/have-deferred.ts";
import { openVault } from "../app/open-vault.ts";
import { loadConfig } from "../config/config.ts";
import { recordTrace } from "../journal/trace.ts";
import { partKey } from "../outgoing/queue-key.ts";
import { findAccount } from "../store/accounts/accounts.ts";
import { readJob } from "../store/jobs/jobs.ts";

const ADA = "ada@alpha.test";
const BOB = addressOf("bob@beta.test");
const EVE = addressOf("eve@gamma.test");

/** Adds the account, and messages of hers that wait, under these Message-IDs. */
async function withWaiting(cli: Cli, messageIds: readonly string[]): Promise<readonly string[]> {
  await cli.sealpost(["account", "add", ADA, "--password-stdin"], "the password");
  await using vault = await openVault(await loadConfig(cli.config));
  const { store, clock, serviceKeys } = vault;
  const account = await findAccount(store, addressOf(ADA));
  assert(account);
  const ids: string[] = [];
  for (const messageId of messageIds) {
    const recipients = [BOB, EVE] as const;
    const message = { account: account.id, sender: account.address, recipients, messageId };
    ids.push(await haveDeferred({ store, clock, parts: partKey(serviceKeys) }, message));
  }
  return ids;
}

async function list(cli: Cli): Promise<readonly Record<string, unknown>[]> {
  return (await cli.sealpost(["deferred", "list"])) as unknown as readonly Record<
    string,
    unknown
  >[];
}

test("deferred list and show say what waits, why, for whom and until when", async () => {
  await using cli = await openCli();
  const [id = ""] = await withWaiting(cli, ["<1@alpha.test>", "<2@alpha.test>"]);
  const listed = await list(cli);
  assert.equal(listed.length, 2);
  const { out } = await cli.attempt(["deferred", "list"]);
  assert.match(out, /UNSURE-DNS {2}ada@alpha\.test -> bob@beta\.test/);
  for (const name of [id, "<1@alpha.test>", "1@alpha.test", `(${id})`]) {
    const shown = await cli.sealpost(["deferred", "show", name]);
    assert.deepEqual(
      shown,
      listed.find((one) => one["id"] === id),
    );
  }
  const { out: text } = await cli.attempt(["deferred", "show", id]);
  assert.match(text, /^waits for {5}bob@beta\.test \(UNSURE-DNS\)$/m);
  assert.match(text, /^to {12}eve@gamma\.test$/m);
});

test("deferred takes the beginning of an ID and the name in the SMTP reply, and quotes what it prints for a shell", async () => {
  await using cli = await openCli();
  const [id = ""] = await withWaiting(cli, ["<1@alpha.test>", "<2@alpha.test>"]);
  {
    await using vault = await openVault(await loadConfig(cli.config));
    await recordTrace(vault.store, {
      messageId: "<1@alpha.test>",
      at: vault.clock.now(),
      direction: "out",
      step: "deferred",
      detail: {},
      transaction: "a73d00c0ffee",
    });
  }
  for (const name of [id.slice(0, 8), "a73d00c0ffee", "(a73d00c0ffee)"]) {
    assert.equal((await cli.sealpost(["deferred", "show", name]))["id"], id, name);
  }
  const { out } = await cli.attempt(["deferred", "show", id]);
  assert.match(out, /sealpost trace '<1@alpha\.test>'$/m);
  const short = await cli.attempt(["deferred", "show", id.slice(0, 3)]);
  assert.equal(short.code, 1);
});

test("deferred retry makes a message due at once", async () => {
  await using cli = await openCli();
  const [id = ""] = await withWaiting(cli, ["<1@alpha.test>"]);
  const { out } = await cli.attempt(["deferred", "retry", id]);
  assert.match(out, /is tried within a minute/);
  await using vault = await openVault(await loadConfig(cli.config));
  const job = await readJob(vault.store, { kind: "deferred", subject: id });
  assert(job && job.dueAt <= vault.clock.now());
});

test("deferred cancel ends the waiting, tells the sender, and is in the audit log", async () => {
  await using cli = await openCli();
  const [id = ""] = await withWaiting(cli, ["<1@alpha.test>"]);
  const { out } = await cli.attempt(["deferred", "cancel", "<1@alpha.test>"]);
  assert.match(out, /is not sent; ada@alpha\.test gets a bounce/);
  assert.deepEqual(await list(cli), []);
  assert.match((await cli.attempt(["audit", "list", ADA])).out, /mail\.cancelled/);
  await using vault = await openVault(await loadConfig(cli.config));
  const rows = await vault.store.db.selectFrom("outbox").selectAll().execute();
  assert.deepEqual(
    rows.map(({ deferred, envelope }) => [deferred, JSON.parse(envelope) as unknown]),
    [["", { from: "", recipients: [ADA] }]],
  );
  for (const verb of ["show", "retry", "cancel"]) {
    const failed = await cli.attempt(["deferred", verb, id]);
    assert.equal(failed.code, 1);
    assert.match(failed.err, /no message waits under .*sealpost deferred list/);
  }
});

test("a Message-ID that several messages have names none of them", async () => {
  await using cli = await openCli();
  await withWaiting(cli, ["<1@alpha.test>", "<1@alpha.test>"]);
  const failed = await cli.attempt(["deferred", "cancel", "<1@alpha.test>"]);
  assert.match(failed.err, /several messages wait/);
  assert.equal((await list(cli)).length, 2);
});
