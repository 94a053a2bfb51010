/** Imports on both engines from where somebody else put links, or may write. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { renameSync, symlinkSync } from "node:fs";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { start } from "../../../test/contract/mailbox-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { all, clear, importFrom, newPlaces, PLENTY } from "../../../test/support/imported-mail.ts";
import { mailFilesWorld } from "../../../test/support/mail-files-world.ts";
import { after as later, DAY } from "../../base/time.ts";
import { listAudit } from "../../journal/journal.ts";
import { fromLine } from "../../mailbox/files/mbox-lines.ts";
import { importMailFor } from "./import-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-import-");

/** Mail of somebody else, which only a link leads to. */
async function othersMail(): Promise<string> {
  const path = place();
  for (const box of ["", ".Sent"]) {
    for (const sub of ["cur", "new", "tmp"]) {
      await mkdir(join(path, box, sub), { recursive: true });
      await writeFile(join(path, box, sub, "1:2,S"), clear("of somebody else", "x\n"));
    }
  }
  await writeFile(join(path, "some.mbox"), `${fromLine(undefined, start)}${clear("else", "x\n")}`);
  return path;
}

testBoth("no link in a source leads to the mail of somebody else", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const others = await othersMail();
  const path = place();
  await mkdir(join(path, ".Own", "new"), { recursive: true });
  await symlink(join(others, "cur"), join(path, "cur"));
  await symlink(join(others, "new"), join(path, "new"));
  await symlink(join(others, "cur"), join(path, ".Own", "cur"));
  await symlink(join(others, ".Sent"), join(path, ".Sent"));
  await symlink(join(others, "cur", "1:2,S"), join(path, ".Own", "new", "2"));
  await promisify(execFile)("mkfifo", [join(path, ".Own", "new", "3")]);
  const maildir = await importFrom(world, path);
  assert.deepEqual([maildir.imported, Object.fromEntries(maildir.leftOut)], [0, { unreadable: 6 }]);
  const files = place();
  await mkdir(files);
  await symlink(join(others, "some.mbox"), join(files, "a.mbox"));
  await promisify(execFile)("mkfifo", [join(files, "b.mbox")]);
  await symlink(others, join(files, "Maildir"));
  const mbox = await importFrom(world, files);
  assert.deepEqual([mbox.imported, Object.fromEntries(mbox.leftOut)], [0, { unreadable: 3 }]);
  assert.deepEqual(await all(world), []);
});

testBoth("a source stays what was opened when a link takes its place", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const [path, others] = [place(), await othersMail()];
  for (const sub of ["cur", "new"]) {
    await mkdir(join(path, sub), { recursive: true });
    await writeFile(join(path, sub, "1"), clear(`own ${sub}`, "x\n"));
  }
  const progress = (messages: number): void => {
    if (messages !== 1) return;
    renameSync(path, place());
    symlinkSync(others, path);
  };
  await importFrom(world, path, { progress });
  const subjects = (await all(world)).map(({ subject }) => subject);
  assert.deepEqual(subjects, ["own cur", "own new"]);
});

testBoth("a source is named without links, and everybody may not write to it", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const { deps, account, keys } = world;
  const others = await othersMail();
  const outcome = async (path: string) => {
    const wish = { path, folder: undefined, progress: () => undefined };
    const done = await importMailFor(
      { ...deps, quota: PLENTY, maxBytes: 1000 },
      { account, keys },
      wish,
    );
    return done.kind === "source-unsafe" ? [done.why, done.leadsTo] : [done.kind];
  };
  const links = place();
  await mkdir(links);
  await symlink(others, join(links, "all"));
  await symlink(join(others, "some.mbox"), join(links, "some.mbox"));
  assert.deepEqual(await outcome(join(links, "all")), ["link", others]);
  assert.deepEqual(await outcome(join(links, "all", "")), ["link", others]);
  assert.deepEqual(await outcome(join(links, "all", ".Sent")), ["link", join(others, ".Sent")]);
  assert.deepEqual(await outcome(join(links, "some.mbox")), ["link", join(others, "some.mbox")]);
  assert.deepEqual(await Array.fromAsync(listAudit(store, account.id)), []);
  await chmod(join(others, "cur", "1:2,S"), 0o666);
  await chmod(join(others, "new"), 0o777);
  await chmod(join(others, ".Sent"), 0o777);
  const left = await importFrom(world, others);
  assert.deepEqual([left.imported, Object.fromEntries(left.leftOut)], [0, { "open-to-others": 3 }]);
  await chmod(others, 0o777);
  await chmod(join(others, "some.mbox"), 0o666);
  assert.deepEqual(await outcome(others), ["open-to-others", others]);
  const mbox = join(others, "some.mbox");
  assert.deepEqual(await outcome(mbox), ["open-to-others", mbox]);
});
