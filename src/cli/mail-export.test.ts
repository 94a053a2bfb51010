/** `sealpost mail export`, as an operator or a user types it, also while it is killed. */
import assert from "node:assert/strict";
import { readdir, readFile, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { summaryMail } from "../../test/contract/mailbox-world.ts";
import { killAt } from "../../test/support/cli-kill.ts";
import { addAll, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { readByPython } from "../../test/support/mail-files-world.ts";
import type { MessageId } from "../mailbox/mailbox.ts";

const EXPORT = ["mail", "export", "ada@alpha.test"];

async function withMail(cli: Cli, count: number): Promise<readonly MessageId[]> {
  const mails = Array.from({ length: count }, (_, minutes) =>
    summaryMail("", { text: `This is message ${String(minutes)}.\r\n`, minutes }),
  );
  return withNewMailbox(cli, "user", async ({ mailbox }) => addAll(mailbox, mails));
}

test("all mail is written with the password, and said as JSON", async () => {
  await using cli = await openCli();
  await withMail(cli, 2);
  const path = join(cli.dir, "taken");
  const all = [...EXPORT, "--all", "--output", path];
  const closed = await cli.attempt(all);
  assert.equal(closed.code, 1);
  assert.match(closed.err, /the mailbox is closed: .*--password-stdin/);
  assert.deepEqual(await readdir(cli.dir).then((names) => names.includes("taken")), false);
  const done = await cli.sealpost([...all, "--password-stdin"], "the password");
  assert.deepEqual(done, {
    address: "ada@alpha.test",
    path,
    format: "maildir",
    written: 2,
    there: 0,
    asReceived: {},
    closed: [],
  });
  const again = await cli.attempt([...all, "--password-stdin"], "the password");
  assert.match(again.out, /^messages written to .*: 0; there before: 2$/m);
  const { out } = await cli.attempt(["audit", "list", "ada@alpha.test"]);
  assert.match(out, /mail\.exported.*owner/);
  const taken = await cli.attempt(
    [...EXPORT, "--all", "--output", cli.dir, "--password-stdin"],
    "the password",
  );
  assert.equal(taken.code, 1);
  assert.match(taken.err, /is there already, and is no unfinished export .*; name a folder/);
});

test("one message goes to stdout or into a new file", async () => {
  await using cli = await openCli();
  const [id = ""] = await withMail(cli, 1);
  const shown = await cli.attempt([...EXPORT, id.slice(0, 12), "--password-stdin"], "the password");
  assert.equal(shown.code, 0, shown.err);
  assert.match(
    shown.out,
    /^E2E-Status: v=1; state=UNPROTECTED[^]*\r\n\r\nThis is message 0\.\r\n$/,
  );
  const file = join(cli.dir, "one.eml");
  const toFile = [...EXPORT, id, "--output", file, "--password-stdin"];
  const written = await cli.sealpost(toFile, "the password");
  assert.deepEqual(written, { id, path: file, isOpened: true, state: "UNPROTECTED" });
  assert.equal(await readFile(file, "utf8"), shown.out);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const again = await cli.attempt(toFile, "the password");
  assert.equal(again.code, 2);
  assert.match(again.err, /is there already; name a file that is not/);
  await symlink(cli.dir, join(cli.dir, "away"));
  const through = join(cli.dir, "away", "two.eml");
  const linked = await cli.attempt(
    [...EXPORT, id, "--output", through, "--password-stdin"],
    "the password",
  );
  assert.equal(linked.code, 2);
  assert.match(linked.err, /leads through a link; name it without the link/);
  assert(!(await readdir(cli.dir)).includes("two.eml"));
});

test("wishes that say nothing clear are wrong usage", async () => {
  await using cli = await openCli();
  await withMail(cli, 0);
  for (const [args, expected] of [
    [[], /give one of: an ID, --folder FOLDER, --all/],
    [["7", "--all"], /give one of/],
    [["--all"], /--output PATH/],
    [["--all", "--output", "x", "--format", "pst"], /none of: maildir, mbox/],
    [["7", "--json"], /leave --json away/],
  ] as const) {
    const wrong = await cli.attempt([...EXPORT, ...args]);
    assert.equal(wrong.code, 2, wrong.err);
    assert.match(wrong.err, expected);
  }
});

for (const format of ["maildir", "mbox"] as const) {
  test(`an export as ${format} that is killed again and again is whole at last`, async () => {
    await using cli = await openCli();
    const count = 250;
    await withMail(cli, count);
    const path = join(cli.dir, "taken");
    const args = [...EXPORT, "--all", "--output", path, "--format", format, "--password-stdin"];
    const size = async (): Promise<number> =>
      format === "maildir"
        ? (await readdir(join(path, "cur")).catch(() => [])).length
        : ((await stat(join(path, "Inbox.mbox")).catch(() => undefined))?.size ?? 0) / 600;
    for (const stop of [1, 180]) await killAt(cli, args, async () => (await size()) >= stop);
    const done = await cli.sealpost(args, "the password");
    assert.equal(Number(done["written"]) + Number(done["there"]), count);
    assert(Number(done["there"]) > 0);
    const inbox = (await readByPython(format, path))[format === "mbox" ? "Inbox.mbox" : ""];
    const bodies = inbox?.map(({ body }) => body.trim()) ?? [];
    assert.equal(bodies.length, count);
    assert.equal(new Set(bodies).size, count);
  });
}
