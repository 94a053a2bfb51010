/** Operands and options as people give them: copied from a log, a reply or a list, and sometimes cut short. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { idAt } from "../../test/support/accounts.ts";
import { type Cli, openCli } from "../../test/support/cli.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { fromUnixMs, systemClock } from "../base/time.ts";
import { unprotected } from "../incoming/verdicts.ts";
import { recordTrace } from "../journal/trace.ts";
import { parseAddress } from "../mail/address.ts";
import { openStore } from "../store/store.ts";

const NAME = "4f1c09a7be21";

async function withAda(cli: Cli): Promise<void> {
  const add = ["account", "add", "ada@alpha.test", "--password-stdin"];
  await cli.sealpost(add, "correct horse battery\n");
}

test("trace takes the name of a transaction and a Message-ID as replies and logs print them", async () => {
  await using cli = await openCli();
  {
    await using store = await openStore({ engine: "sqlite", path: join(cli.dir, "sealpost.db") });
    await recordTrace(store, {
      messageId: "<1@alpha.test>",
      at: systemClock.now(),
      direction: "in",
      step: "answered",
      detail: {},
      transaction: NAME,
    });
  }
  const given = [
    NAME,
    `(${NAME})`,
    `(${NAME}).`,
    `(${NAME.toUpperCase()})`,
    `${NAME},`,
    `"${NAME}"`,
    "<1@alpha.test>",
    "<1@alpha.test>.",
    "(<1@alpha.test>)",
    "1@alpha.test,",
  ];
  for (const id of given) {
    const { messageId } = await cli.sealpost(["trace", id]);
    assert.equal(messageId, "<1@alpha.test>", id);
  }
  const { code, err } = await cli.attempt(["trace", "()"]);
  assert.equal(code, 1);
  assert.match(err, /nothing is recorded about \(\)/);
});

test("a mail command takes a pasted ID, and every command a pasted address", async () => {
  await using cli = await openCli();
  await withAda(cli);
  const id = await storeOne(cli);
  for (const given of [`(${id})`, `${id.slice(0, 12)}.`, "<1@beta.test>,", "(<1@beta.test>)"]) {
    const shown = await cli.sealpost(["mail", "show", "<ada@alpha.test>", given]);
    assert.equal(shown["id"], id, given);
    const retried = await cli.attempt(["mail", "retry", "ada@alpha.test", given]);
    assert.match(retried.err, new RegExp(`${id} is no sealed message`));
  }
  for (const command of ["account show", "key list", "audit list", "mail list"]) {
    const { code, err } = await cli.attempt([...command.split(" "), "<Ada@alpha.test>,"]);
    assert.equal(code, 0, `${command}: ${err}`);
  }
  const added = await cli.sealpost(["account", "alias", "ada@alpha.test", "add", "<a@alpha.test>"]);
  assert.deepEqual(added["aliases"], ["a@alpha.test"]);
  const wrong = await cli.attempt(["audit", "list", "<ada>"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /"<ada>" is not an email address, such as/);
});

test("a kept hash that was cut short is wrong usage, not a log that was rewritten", async () => {
  await using cli = await openCli();
  const empty = await cli.sealpost(["audit", "verify"]);
  const { code: ofEmpty } = await cli.attempt(["audit", "verify", "--kept", `0:`]);
  assert.deepEqual([empty["rows"], ofEmpty], [0, 0]);
  await withAda(cli);
  const { rows, head } = await cli.sealpost(["audit", "verify"]);
  const kept = `${String(rows)}:${String(head)}`;
  for (const given of [kept, `${kept}.`, `(${kept})`, kept.toUpperCase()]) {
    assert.equal((await cli.attempt(["audit", "verify", "--kept", given])).code, 0, given);
  }
  for (const [given, fault] of [
    [kept.slice(0, -1), "its hash has 63 digits"],
    [`${kept}0`, "its hash has 65 digits"],
    [`${String(rows)}:`, "its hash has 0 digits"],
    [`${kept.slice(0, -1)}g`, "is not N:HASH"],
    [String(head), "is not N:HASH"],
    [`0:${String(head)}`, "is not N:HASH"],
  ] as const) {
    const { code, out, err } = await cli.attempt(["audit", "verify", "--kept", given]);
    assert.equal(code, 2, given);
    assert.equal(out, "");
    assert.match(err, new RegExp(fault));
    assert.match(err, /64 hexadecimal digits: "sealpost audit verify" prints it.*"audit\.head"/);
  }
});

test("a fingerprint and a rate that are not one are wrong usage, and the error names the form", async () => {
  await using cli = await openCli();
  await withAda(cli);
  const keys = (await cli.sealpost(["key", "list", "ada@alpha.test"])) as unknown as {
    readonly fingerprint: string;
  }[];
  const [{ fingerprint } = assert.fail()] = keys;
  const groups = fingerprint.toLowerCase().match(/.{4}/g) ?? [];
  const take = ["key", "export", "ada@alpha.test", "--fingerprint"];
  for (const given of [`0x${fingerprint}`, groups.join(" "), groups.join(":"), `${fingerprint}.`]) {
    assert.equal((await cli.sealpost([...take, given]))["fingerprint"], fingerprint, given);
  }
  for (const given of [fingerprint.slice(1), fingerprint.slice(-16), "ada"]) {
    const { code, err } = await cli.attempt([...take, given]);
    assert.equal(code, 2, given);
    assert.match(err, /40 or 64 hexadecimal digits, and "sealpost key list ADDRESS" prints it/);
  }
  assert.equal((await cli.attempt([...take, "0".repeat(40)])).code, 1);
  for (const given of ["0", "ten", "1e3", "0x10", "1.5", "-1"]) {
    const { code, err } = await cli.attempt(["account", "enrol", `--rate=${given}`]);
    assert.equal(code, 2, given);
    assert.match(err, /a whole number from 1/);
  }
});

/** A message to ada. @returns its ID. */
async function storeOne(cli: Cli): Promise<string> {
  await using store = await openStore({ engine: "sqlite", path: join(cli.dir, "sealpost.db") });
  const at = fromUnixMs(1);
  return await haveWaiting(store, {
    account: await idAt(store, parseAddress("ada@alpha.test") ?? assert.fail()),
    body: Buffer.from("1"),
    form: "sealed",
    verdict: unprotected(at),
    receivedAt: at,
    sizeBytes: 1,
    outerFrom: "",
    messageId: "<1@beta.test>",
  });
}

test("what account add writes to the audit log is listed in the order of its times", async () => {
  await using cli = await openCli();
  await withAda(cli);
  const entries = (await cli.sealpost(["audit", "list", "ada@alpha.test"])) as unknown as {
    readonly at: string;
    readonly action: string;
  }[];
  assert.deepEqual(
    entries.map(({ action }) => action),
    ["account.added", "key.created"],
  );
  const times = entries.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted());
});
