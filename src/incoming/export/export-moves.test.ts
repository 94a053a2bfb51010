/** Exports on both engines of a mailbox that changes meanwhile. */
import assert from "node:assert/strict";

import { start } from "../../../test/contract/mailbox-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { clear, newPlaces } from "../../../test/support/imported-mail.ts";
import {
  mailFilesWorld,
  readByPython,
  type MailFilesWorld,
} from "../../../test/support/mail-files-world.ts";
import { after as later, DAY } from "../../base/time.ts";
import { listAudit } from "../../journal/journal.ts";
import { standardFolder, type Mailbox } from "../../mailbox/mailbox.ts";
import { exportMailFor, type ExportReport } from "./export-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-export-");
const [INBOX, ARCHIVE] = [standardFolder("inbox"), standardFolder("archive")];

async function exportTo(
  { deps, account, keys, mailbox }: MailFilesWorld,
  path: string,
  format: "maildir" | "mbox",
  o: { readonly progress?: (written: number) => void; readonly over?: Partial<Mailbox> } = {},
): Promise<ExportReport> {
  const { progress = () => undefined, over = {} } = o;
  // What a mailbox does is as it is, but for what a test does in between.
  const changed = new Proxy(mailbox, {
    get: (target, name) => {
      const value: unknown = Reflect.get(over, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const done = await exportMailFor(
    { ...deps, mailboxOf: () => changed },
    { account, keys },
    { folder: undefined, format, path, progress },
  );
  assert(done.kind === "exported");
  return done;
}

/** Where each message is, by its subject; each is there once. */
async function found(format: "maildir" | "mbox", path: string): Promise<Record<string, string>> {
  const all = Object.entries(await readByPython(format, path)).flatMap(([folder, mails]) =>
    mails.map(({ subject }) => [subject, folder.replace(".mbox", "") || "Inbox"] as const),
  );
  assert.equal(new Set(all.map(([subject]) => subject)).size, all.length);
  return Object.fromEntries(all);
}

for (const format of ["maildir", "mbox"] as const) {
  for (const isForgotten of [false, true]) {
    const how = isForgotten ? ", also where changes are forgotten" : "";
    testBoth(
      `${format}: mail moved while lists are read is in the export once${how}`,
      async (open) => {
        await using store = await open();
        const world = await mailFilesWorld(store, NOW);
        const { mailbox, add } = world;
        await add({ message: clear("stays", "x\r\n") });
        const up = await add({ message: clear("up", "x\r\n"), folder: ARCHIVE });
        const down = await add({ message: clear("down", "x\r\n") });
        let isMoved = false;
        let isAsked = false;
        const over: Partial<Mailbox> = {
          list: async (folder, page) => {
            // The inbox was listed before.
            if (folder === ARCHIVE && !isMoved) {
              isMoved = true;
              await mailbox.move([up], INBOX);
              await mailbox.move([down], ARCHIVE);
            }
            return mailbox.list(folder, page);
          },
          changesSince: async (change) => {
            const changes = await mailbox.changesSince(change);
            if (!isForgotten || isAsked) return changes;
            isAsked = true;
            return { kind: "forgotten", latest: changes.latest };
          },
        };
        const path = place();
        const done = await exportTo(world, path, format, { over });
        assert.equal(done.written, 3);
        const { up: where, ...rest } = await found(format, path);
        assert.deepEqual([where, Object.keys(rest)], ["Inbox", ["down", "stays"]]);
        const again = await exportTo(world, path, format);
        assert.deepEqual([again.written, again.there], [0, 3]);
      },
    );
  }

  testBoth(
    `${format}: what comes, is moved or is removed during an export is there once or not`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      const { mailbox, add, deps, account } = world;
      const ids = [];
      for (const subject of ["a", "b", "c", "d"]) {
        ids.push(await add({ message: clear(subject, "x\r\n") }));
      }
      const [a, , c, d] = ids;
      assert(a && c && d);
      const meanwhile = async (): Promise<void> => {
        await mailbox.move([a, c], ARCHIVE);
        await mailbox.remove([d]);
        await add({ message: clear("new", "x\r\n"), folder: standardFolder("sent") });
        const own = await mailbox.addFolder("Own");
        assert(own.kind === "added");
        await add({ message: clear("in a new folder", "x\r\n"), folder: own.id });
      };
      const path = place();
      let reads = 0;
      const over: Partial<Mailbox> = {
        read: async (id) => {
          reads += 1;
          if (reads === 2) await meanwhile();
          return mailbox.read(id);
        },
      };
      const done = await exportTo(world, path, format, { over });
      assert.equal(done.written, 5);
      const expected = {
        a: "Inbox",
        b: "Inbox",
        c: "Inbox",
        "in a new folder": "Own",
        new: "Sent",
      };
      assert.deepEqual(await found(format, path), expected);
      const entries = await Array.fromAsync(listAudit(deps.store, account.id));
      const told = entries.filter(({ action }) => action === "mail.exported");
      assert.deepEqual(
        told.map(({ detail }) => Number(detail["messages"])).toSorted((one, other) => one - other),
        [2, 4],
      );
    },
  );
}
