/** Exports on both engines to where somebody else put links, or may put them. */
import assert from "node:assert/strict";
import { renameSync, symlinkSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { start } from "../../../test/contract/mailbox-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { clear, newPlaces } from "../../../test/support/imported-mail.ts";
import {
  mailFilesWorld,
  readByPython,
  type MailFilesWorld,
} from "../../../test/support/mail-files-world.ts";
import { after as later, DAY } from "../../base/time.ts";
import type { ExportFormat } from "../../mailbox/files/export-folder.ts";
import { standardFolder } from "../../mailbox/mailbox.ts";
import { exportMailFor, type MailExport } from "./export-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-export-");

async function exportTo(
  { deps, account, keys }: MailFilesWorld,
  path: string,
  format: ExportFormat,
  progress: (written: number) => void = () => undefined,
): Promise<MailExport> {
  return exportMailFor(deps, { account, keys }, { folder: undefined, format, path, progress });
}

for (const format of ["maildir", "mbox"] as const) {
  testBoth(`links that somebody put there lead no export as ${format} elsewhere`, async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    for (const subject of ["a", "b"]) await world.add({ message: clear(subject, "x\r\n") });
    await world.add({ message: clear("c", "x\r\n"), folder: standardFolder("drafts") });
    const elsewhere = place();
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "kept"), "kept");
    const whole = place();
    assert.equal((await exportTo(world, whole, format)).kind, "exported");
    const [box, below] = format === "mbox" ? ["Inbox.mbox", undefined] : ["cur", ".Drafts"];
    for (const name of [box, ".Later", ...(below === undefined ? [] : [`${below}/cur`])]) {
      const path = place();
      await cp(whole, path, { recursive: true });
      await rm(join(path, name), { recursive: true, force: true });
      await symlink(format === "mbox" ? join(elsewhere, "kept") : elsewhere, join(path, name));
      const why = (await exportTo(world, path, format)) as { readonly why?: string };
      assert.equal(why.why, "changed", name);
    }
    await chmod(join(whole, box), 0o777);
    assert.equal(((await exportTo(world, whole, format)) as { why?: string }).why, "changed");
    const links = place();
    await mkdir(links);
    await symlink(elsewhere, join(links, "away"));
    const through = join(links, "away", "taken");
    const linked = { kind: "target-taken", path: through, why: "link" };
    assert.deepEqual(await exportTo(world, through, format), linked);
    const itself = join(links, "away");
    assert.equal(((await exportTo(world, itself, format)) as { why?: string }).why, "not-ours");
    assert.deepEqual(await readdir(elsewhere), ["kept"]);
    assert.equal(await readFile(join(elsewhere, "kept"), "utf8"), "kept");
  });

  testBoth(
    `an export as ${format} goes on in its folder when another takes its place`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      for (const subject of ["a", "b"]) await world.add({ message: clear(subject, "x\r\n") });
      await world.add({ message: clear("c", "x\r\n"), folder: standardFolder("drafts") });
      const [path, away, elsewhere] = [place(), place(), place()];
      await mkdir(elsewhere);
      const progress = (written: number): void => {
        if (written !== 1) return;
        renameSync(path, away);
        symlinkSync(elsewhere, path);
      };
      assert.equal((await exportTo(world, path, format, progress)).kind, "exported");
      assert.deepEqual(await readdir(elsewhere), []);
      const all = Object.values(await readByPython(format, away)).flat();
      assert.equal(all.length, 3);
    },
  );
}
