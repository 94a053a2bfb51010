/** `sealpost mail import`, as an operator or a user types it. */
import assert from "node:assert/strict";
import { appendFile, chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { openCli, type Cli } from "../../test/support/cli.ts";
import { fromUnixSeconds } from "../base/time.ts";
import { fromLine } from "../mailbox/files/mbox-lines.ts";

const IMPORT = ["mail", "import", "ada@alpha.test"];

function mbox(subjects: readonly string[]): string {
  const line = fromLine("b@beta.test", fromUnixSeconds(1_700_000_000));
  return subjects
    .map((subject) => `${line}Status: RO\nFrom: b@beta.test\nSubject: ${subject}\n\nText.\n\n`)
    .join("");
}

async function withAccount(custody: string): Promise<Cli> {
  const cli = await openCli();
  const add = ["account", "add", "ada@alpha.test", "--custody", custody, "--password-stdin"];
  await cli.sealpost(add, "the password");
  return cli;
}

test("an mbox file becomes a folder of its name, once, with the password alone", async () => {
  await using cli = await withAccount("user");
  const path = join(cli.dir, "Family 2023.mbox");
  await writeFile(path, mbox(["one", "two"]));
  const closed = await cli.attempt([...IMPORT, path]);
  assert.equal(closed.code, 1);
  assert.match(closed.err, /the mailbox is closed: .*--password-stdin/);
  const args = [...IMPORT, path, "--password-stdin"];
  assert.deepEqual(await cli.sealpost(args, "the password"), {
    path,
    imported: 2,
    known: 0,
    folders: { "Family 2023": 2 },
    trashed: {},
    leftOut: {},
    places: [],
    isFull: false,
  });
  await appendFile(path, mbox(["three"]));
  const again = await cli.attempt(args, "the password");
  assert.match(
    again.out,
    /^1 messages were imported; 2 were imported before\n {2}Family 2023: 1\n$/,
  );
  const list = ["mail", "list", "ada@alpha.test", "--folder", "family 2023", "--password-stdin"];
  const { messages } = await cli.sealpost(list, "the password");
  assert(Array.isArray(messages));
  const [first] = messages as readonly Record<string, unknown>[];
  assert.deepEqual(
    [messages.length, first?.["flags"], first?.["warnings"], first?.["receivedAt"]],
    [3, ["seen"], ["IMPORTED"], "2023-11-14T22:13:20.000Z"],
  );
  assert.match(String(first?.["sentence"]), /imported from a file/);
});

test("what a file has marked as deleted is in the trash, and the answer says how many and whence", async () => {
  await using cli = await withAccount("provider");
  const path = join(cli.dir, "Work.mbox");
  // A sender may write such a field.
  const marked = mbox(["one", "two"]).replace("Status: RO", "X-Mozilla-Status: 0008");
  await writeFile(path, marked);
  const done = await cli.attempt([...IMPORT, path]);
  assert.equal(done.code, 0, done.err);
  assert.match(
    done.out,
    /^ {2}Trash: 1\n {2}Work: 1\n1 of Work came into the trash: .* deleted\n$/m,
  );
  const list = await cli.sealpost(["mail", "list", "ada@alpha.test", "--folder", "trash"]);
  const [first] = list["messages"] as readonly Record<string, unknown>[];
  assert.equal(first?.["subject"], "one");
  const again = await cli.sealpost([...IMPORT, path]);
  assert.deepEqual([again["imported"], again["known"], again["trashed"]], [0, 2, {}]);
});

test("what is left out is told with the reason, and the exit code says so", async () => {
  await using cli = await withAccount("provider");
  const path = join(cli.dir, "old.mbox");
  await writeFile(path, `not mail\n\n${mbox(["one"])}`);
  const done = await cli.attempt([...IMPORT, path]);
  assert.equal(done.code, 1);
  assert.match(done.out, /^1 left out: no message begins there$/m);
  assert.match(done.out, /old\.mbox, up to octet 10: no-message$/m);
  const { out } = await cli.attempt(["audit", "list", "ada@alpha.test"]);
  assert.match(out, /mail\.imported.*provider/);
  const none = await cli.attempt([...IMPORT, join(cli.dir, "nowhere")]);
  assert.equal(none.code, 1);
  assert.match(none.err, /is no Maildir, no mbox file and no folder of them$/);
});

test("a source to which everybody may write, or that a link leads to, is refused with what to do", async () => {
  await using cli = await withAccount("provider");
  const path = join(cli.dir, "old.mbox");
  await writeFile(path, mbox(["one"]));
  const link = join(cli.dir, "link.mbox");
  await symlink(path, link);
  const linked = await cli.attempt([...IMPORT, link]);
  assert.equal(linked.code, 1);
  assert.match(
    linked.err,
    /link\.mbox leads through a link, .*name it without the link: .*old\.mbox$/,
  );
  await chmod(path, 0o666);
  const open = await cli.attempt([...IMPORT, path]);
  assert.equal(open.code, 1);
  assert.match(open.err, /everybody may write to .*old\.mbox, .*chmod -R o-w .*old\.mbox$/);
  await chmod(path, 0o600);
  const shared = join(cli.dir, "shared");
  await mkdir(shared);
  await writeFile(join(shared, "old.mbox"), mbox(["two"]));
  await chmod(shared, 0o777);
  const replaceable = await cli.attempt([...IMPORT, join(shared, "old.mbox")]);
  assert.equal(replaceable.code, 2);
  assert.match(replaceable.err, /others may write to .*shared \(mode 777\)/);
  const done = await cli.sealpost([...IMPORT, path]);
  assert.equal(done["imported"], 1);
});

test("a full mailbox says how far the import came and what to do", async () => {
  await using cli = await withAccount("provider");
  const config = await readFile(cli.config, "utf8");
  await writeFile(
    cli.config,
    config.replace(/^(?:# *)?mailbox_bytes = .*$/m, "mailbox_bytes = 1048576"),
  );
  const path = join(cli.dir, "large.mbox");
  const text = "x".repeat(400_000);
  await writeFile(path, mbox(["1", "2", "3", "4"]).replaceAll("Text.", text));
  const done = await cli.attempt([...IMPORT, path, "--json"]);
  assert.equal(done.code, 1, done.err);
  const answer = JSON.parse(done.out) as Record<string, unknown>;
  assert.equal(answer["isFull"], true);
  assert(Number(answer["imported"]) > 0 && Number(answer["imported"]) < 4);
  assert.match(done.err, /the mailbox is full: .*mailbox_bytes; then give the same command again$/);
});
