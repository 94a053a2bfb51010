/** Imports on both engines from where somebody else put links, or may write. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { chmod, chown, link, mkdir, symlink, writeFile } from "node:fs/promises";
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
  assert.deepEqual(subjects.toSorted(), ["own cur", "own new"]);
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

testBoth(
  "what another program moves in a Maildir meanwhile is imported, or counted",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const path = place();
    for (const sub of ["cur", "new"]) {
      await mkdir(join(path, sub), { recursive: true });
      for (const at of [1, 2, 3]) {
        await writeFile(
          join(path, sub, `${sub}${String(at)}${sub === "cur" ? ":2," : ""}`),
          clear(`${sub} ${String(at)}`, "x\n"),
        );
      }
    }
    // After the first of `new`, a program takes all others there into `cur`; after the first of `cur`, all get flags but one, which is deleted.
    const progress = (messages: number): void => {
      if (messages === 1) {
        for (const name of readdirSync(join(path, "new"))) {
          renameSync(join(path, "new", name), join(path, "cur", `${name}:2,`));
        }
      }
      if (messages !== 4) return;
      for (const name of readdirSync(join(path, "cur"))) {
        renameSync(join(path, "cur", name), join(path, "cur", `${name}S`));
      }
      rmSync(join(path, "cur", "cur2:2,S"));
    };
    const done = await importFrom(world, path, { progress });
    const subjects = (await all(world)).map(({ subject }) => subject).toSorted();
    const isThere = subjects.includes("cur 2");
    const others = ["cur 1", "cur 3", "new 1", "new 2", "new 3"];
    assert.deepEqual(
      subjects.filter((one) => one !== "cur 2"),
      others,
    );
    assert.deepEqual(Object.fromEntries(done.leftOut), isThere ? {} : { moved: 1 });
  },
);

testBoth(
  "a second name of a file of others is no source, though it is named itself",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const { deps, account, keys } = world;
    const mail = `${fromLine(undefined, start)}${clear("mine", "x\n")}`;
    const [path, elsewhere] = [place(), place()];
    for (const folder of [path, elsewhere]) await mkdir(folder);
    await writeFile(join(elsewhere, "some.mbox"), mail);
    await link(join(elsewhere, "some.mbox"), join(path, "some.mbox"));
    const outcome = async (): Promise<string> => {
      const wish = { path: join(path, "some.mbox"), folder: undefined, progress: () => undefined };
      const wide = { ...deps, quota: PLENTY, maxBytes: 1000 };
      const done = await importMailFor(wide, { account, keys }, wish);
      return done.kind === "source-unsafe" ? done.why : done.kind;
    };
    assert.equal(await outcome(), "imported");
    // Only root gives folders away.
    if (process.getuid?.() !== 0) return;
    await chown(path, 12345, 12345);
    assert.equal(await outcome(), "hard-link");
    rmSync(join(elsewhere, "some.mbox"));
    assert.equal(await outcome(), "imported");
  },
);
