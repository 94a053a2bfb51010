/** `sealpost mail import` while it is killed. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { killAt } from "../../test/support/cli-kill.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { openVault } from "../app/open-vault.ts";
import { fromUnixSeconds } from "../base/time.ts";
import { loadConfig } from "../config/config.ts";
import { fromLine } from "../mailbox/files/mbox-lines.ts";

const COUNT = 160;
const IMPORT = ["mail", "import", "ada@alpha.test"];
/** After how many messages it is killed: before the first, and at moments that no page or note divides. */
const STOPS = [0, 1, 23, 64, 111, COUNT - 1];

function message(at: number): string {
  const lines = `This is line ${String(at)}.\n`.repeat(60);
  return `From: b@beta.test\nSubject: message ${String(at)}\n\n${lines}`;
}

/** Where the mail is, in a form. */
async function source(cli: Cli, format: "maildir" | "mbox"): Promise<string> {
  const all = Array.from({ length: COUNT }, (_, at) => message(at));
  const path = join(cli.dir, format === "mbox" ? "Old.mbox" : "Old");
  if (format === "mbox") {
    const line = fromLine("b@beta.test", fromUnixSeconds(1_700_000_000));
    await writeFile(path, all.map((one) => `${line}${one}\n`).join(""));
    return path;
  }
  await mkdir(join(path, "cur"), { recursive: true });
  for (const [at, one] of all.entries())
    await writeFile(join(path, "cur", `${String(at)}:2,S`), one);
  return path;
}

for (const format of ["maildir", "mbox"] as const) {
  test(`an import of ${format} that is killed again and again has each message once`, async () => {
    await using cli = await openCli();
    const add = ["account", "add", "ada@alpha.test", "--custody", "user", "--password-stdin"];
    await cli.sealpost(add, "the password");
    const args = [...IMPORT, await source(cli, format), "--folder", "Old mail", "--password-stdin"];
    await using vault = await openVault(await loadConfig(cli.config));
    const { db } = vault.store;
    const rows = async (table: "mailbox_messages" | "audit"): Promise<number> => {
      const count = db.fn.countAll<number>().as("count");
      const { count: found } = await db.selectFrom(table).select(count).executeTakeFirstOrThrow();
      return found;
    };
    let kills = 0;
    for (const stop of STOPS) {
      const begun = await rows("audit");
      const isTime = async (): Promise<boolean> =>
        (await rows("audit")) > begun && (await rows("mailbox_messages")) >= stop;
      if (await killAt(cli, args, isTime)) kills += 1;
    }
    assert(kills >= STOPS.length - 1, `it was killed ${String(kills)} times`);
    const before = await rows("mailbox_messages");
    const done = await cli.sealpost(args, "the password");
    assert.deepEqual(
      [done["known"], done["imported"], done["leftOut"]],
      [before, COUNT - before, {}],
    );
    const list = ["mail", "list", "ada@alpha.test", "--folder", "Old mail", "--password-stdin"];
    const { messages } = await cli.sealpost([...list, "--limit", "200"], "the password");
    const subjects = (messages as readonly Record<string, unknown>[]).map(({ subject }) => subject);
    assert.equal(subjects.length, COUNT);
    assert.equal(new Set(subjects).size, COUNT);
    // No octets are left that belong to no message.
    const blobs = await db.selectFrom("blobs").select("id").execute();
    assert.equal(blobs.length, COUNT);
    const again = await cli.sealpost(args, "the password");
    assert.deepEqual([again["known"], again["imported"]], [COUNT, 0]);
  });
}
