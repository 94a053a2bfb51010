/** Exports of a mailbox on both engines, as Python reads them, and what an interruption leaves. */
import assert from "node:assert/strict";
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";

import { start } from "../../../test/contract/mailbox-world.ts";
import { SILENT } from "../../../test/support/authors.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { fullDiskAt } from "../../../test/support/full-disk.ts";
import { clear, HEAD, newPlaces } from "../../../test/support/imported-mail.ts";
import {
  bobsKey,
  mailFilesWorld,
  readByPython,
  type MailFilesWorld,
  type PythonMail,
} from "../../../test/support/mail-files-world.ts";
import { haveWaiting } from "../../../test/support/spool.ts";
import { DAY, after as later, MINUTE } from "../../base/time.ts";
import { listAudit } from "../../journal/journal.ts";
import type { ExportFormat } from "../../mailbox/files/export-folder.ts";
import { lockExport } from "../../mailbox/files/export-lock.ts";
import { standardFolder, type FolderId } from "../../mailbox/mailbox.ts";
import { seal } from "../../pgpmime/seal.ts";
import { damaged, locked, undecryptable, unprotected } from "../verdicts.ts";
import { exportMailFor, exportMessageFor, type MailExport } from "./export-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-export-");

async function sealed(subject: string, body: string): Promise<Uint8Array> {
  return seal({
    message: Buffer.from(
      `${HEAD}Subject: ${subject}\r\nDate: ${start.toUTCString()}\r\n\r\n${body}`,
    ),
    signer: bobsKey,
    recipients: [bobsKey.certificate],
    intended: [bobsKey.fingerprint],
    now: start,
  });
}

async function ownFolder({ mailbox }: MailFilesWorld, name: string): Promise<FolderId> {
  const added = await mailbox.addFolder(name);
  assert(added.kind === "added");
  return added.id;
}

/** Mail of all kinds. */
async function fill(world: MailFilesWorld): Promise<void> {
  const { add } = world;
  const at = (minutes: number): Date => later(start, minutes * MINUTE);
  await add({
    message: clear("lines", "From me\r\n>From you\r\nGrüße\r\n"),
    flags: ["seen", "answered"],
  });
  await add({ message: clear("empty", ""), receivedAt: at(1) });
  await add({
    message: `E2E-Status: state=CONFIDENTIAL\r\nX-E2E-Status: x\r\nStatus: RO\r\nContent-Length: 3\r\n${HEAD}Subject: feigned\r\n\r\nbody\r\n`,
    receivedAt: at(2),
    flags: ["flagged"],
  });
  const verdict = { ...unprotected(start), state: "ENCRYPTED_UNVERIFIED" } as const;
  await add({ message: await sealed("secret", "CANARY\r\n"), receivedAt: at(3), verdict });
  await add({
    message: await sealed("altered", "x\r\n"),
    receivedAt: at(4),
    verdict: damaged(start, "altered"),
  });
  await add({
    message: clear("draft", "d\r\n"),
    folder: standardFolder("drafts"),
    keywords: ["später"],
  });
  await add({
    message: clear("nested", "n\r\n"),
    folder: await ownFolder(world, "Reisen/Österreich 2027"),
  });
  await ownFolder(world, "leer.x");
}

async function exportTo(
  { deps, account, keys }: MailFilesWorld,
  path: string,
  format: ExportFormat,
  o: { readonly folder?: string; readonly progress?: (written: number) => void } = {},
): Promise<MailExport> {
  const { progress = () => undefined } = o;
  return exportMailFor(deps, { account, keys }, { folder: o.folder, format, path, progress });
}

const NAMES = {
  maildir: {
    inbox: "",
    drafts: "Drafts",
    nested: "Reisen.&ANY-sterreich 2027",
    empty: "leer&AC4-x",
  },
  mbox: {
    inbox: "Inbox.mbox",
    drafts: "Drafts.mbox",
    nested: "Reisen%2fÖsterreich 2027.mbox",
    empty: "leer.x.mbox",
  },
} as const;

/** Python leaves the quoting of mbox files as it is, and writes the flags of each form in its own order. */
function checkInbox(format: ExportFormat, all: readonly PythonMail[]): void {
  const inbox = new Map(all.map((mail) => [mail.subject, mail]));
  const of = (subject: string): PythonMail => {
    const mail = inbox.get(subject);
    assert(mail, subject);
    return mail;
  };
  assert.deepEqual([...inbox.keys()].toSorted(), ["[...]", "empty", "feigned", "lines", "secret"]);
  const isMbox = format === "mbox";
  const lines = of("lines").body;
  const expected = utf8("From me\n>From you\nGrüße\n");
  assert.equal(isMbox ? lines.replaceAll(/^>(>*From )/gm, "$1") : lines, expected);
  assert.equal(of("empty").body.trim(), "");
  assert.equal(of("secret").body, "CANARY\n");
  const flags = ["lines", "feigned", "empty"].map((subject) =>
    of(subject).info.replace("O", "").split("").toSorted().join(""),
  );
  assert.deepEqual(flags, isMbox ? ["AR", "F", ""] : ["RS", "F", ""]);
  for (const [subject, { status }] of inbox) {
    assert.equal(status.length, subject === "[...]" ? 0 : 1, subject);
    assert(status.every((field) => field.startsWith("v=1; state=") && field.includes("mac=")));
  }
  assert.doesNotMatch(of("[...]").body, /CANARY/);
}

for (const format of ["maildir", "mbox"] as const) {
  testBoth(
    `a whole mailbox is written as ${format}, and Python reads what the user reads`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      await fill(world);
      const path = place();
      const done = await exportTo(world, path, format);
      assert(done.kind === "exported");
      assert.deepEqual([done.written, done.there, [...done.asReceived]], [7, 0, [["DAMAGED", 1]]]);
      const read = await readByPython(format, path);
      const names = NAMES[format];
      checkInbox(format, read[names.inbox] ?? []);
      assert.deepEqual(
        read[names.drafts]?.map(({ info }) => /[DT]/.test(info)),
        [true],
      );
      assert.deepEqual(
        read[names.nested]?.map(({ subject }) => subject),
        ["nested"],
      );
      assert.deepEqual(read[names.empty], []);
    },
  );

  testBoth(
    `an export as ${format} is for its owner's eyes alone, and overwrites nothing`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      await fill(world);
      const path = place();
      assert.equal((await exportTo(world, path, format)).kind, "exported");
      const all = await readdir(path, { recursive: true, withFileTypes: true });
      for (const entry of all) {
        const { mode } = await stat(join(entry.parentPath, entry.name));
        assert.equal(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name);
      }
      assert.equal((await stat(path)).mode & 0o777, 0o700);
      const other = format === "mbox" ? "maildir" : "mbox";
      assert.deepEqual(await exportTo(world, path, other), {
        kind: "target-taken",
        path,
        why: "not-ours",
      });
      await chmod(path, 0o755);
      assert.deepEqual(await exportTo(world, path, format), {
        kind: "target-taken",
        path,
        why: "open-to-others",
      });
      await chmod(path, 0o700);
      {
        using lock = await lockExport(await stat(path));
        assert(lock);
        assert.deepEqual(await exportTo(world, path, format), {
          kind: "target-taken",
          path,
          why: "busy",
        });
      }
      // Nothing of the lock is in the folder, and it is free again.
      assert.equal((await exportTo(world, path, format)).kind, "exported");
      assert.deepEqual(
        all.map(({ name }) => name).filter((name) => /lock|journal|wal/.test(name)),
        [],
      );
      const foreign = place();
      await mkdir(foreign, { mode: 0o700 });
      await writeFile(join(foreign, "notes.txt"), "mine");
      assert.deepEqual(await exportTo(world, foreign, format), {
        kind: "target-taken",
        path: foreign,
        why: "not-ours",
      });
      assert.deepEqual(await readdir(foreign), ["notes.txt"]);
    },
  );

  testBoth(
    `an export as ${format} that was interrupted goes on, and has each message once`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      for (let at = 0; at < 12; at += 1) {
        await world.add({
          message: clear(`m${String(at)}`, "x\r\n"),
          receivedAt: later(start, at * MINUTE),
        });
      }
      for (const stop of [1, 2, 7, 11, 12]) {
        const path = place();
        const progress = (written: number): void => {
          if (written === stop) throw new Error("interrupted");
        };
        await assert.rejects(exportTo(world, path, format, { progress }), /interrupted/);
        const done = await exportTo(world, path, format);
        assert(done.kind === "exported");
        assert.deepEqual([done.written, done.there], [12 - stop, stop]);
        const inbox = (await readByPython(format, path))[NAMES[format].inbox];
        assert.equal(new Set(inbox?.map(({ subject }) => subject)).size, 12);
        assert.equal(inbox?.length, 12);
      }
    },
  );
}

testBoth(
  "whatever a crash leaves of an mbox and of its notes, the next export makes the same file",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    for (let at = 0; at < 6; at += 1) {
      await world.add({
        message: clear(`m${String(at)}`, "x\r\n"),
        receivedAt: later(start, at * MINUTE),
      });
    }
    const whole = place();
    await exportTo(world, whole, "mbox");
    const expected = await readFile(join(whole, "Inbox.mbox"));
    const notes = await readFile(join(whole, "sealpost-export.jsonl"), "utf8");
    const first = notes.indexOf("\n") + 1;
    for (let length = first; length <= notes.length; length += 7) {
      const path = place();
      await cp(whole, path, { recursive: true });
      await chmod(path, 0o700);
      await truncate(join(path, "sealpost-export.jsonl"), length);
      // The last message is half there.
      await truncate(
        join(path, "Inbox.mbox"),
        expected.length - (length < notes.length - 120 ? 30 : 0),
      );
      const done = await exportTo(world, path, "mbox");
      assert(done.kind === "exported" && done.written + done.there === 6);
      assert.deepEqual(await readFile(join(path, "Inbox.mbox")), expected);
    }
    await truncate(join(whole, "Inbox.mbox"), 10);
    assert.deepEqual(await exportTo(world, whole, "mbox"), {
      kind: "target-taken",
      path: whole,
      why: "changed",
    });
  },
);

testBoth("an export whose notes were half written on a full disk goes on", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  for (const at of [0, 1, 2]) {
    const receivedAt = later(start, at * MINUTE);
    await world.add({ message: clear(`m${String(at)}`, "x\r\n"), receivedAt });
  }
  const path = place();
  {
    using _full = await fullDiskAt('{"id"');
    // The notes are written once more when the export ends.
    await assert.rejects(exportTo(world, path, "mbox"), /ENOSPC/);
  }
  const done = await exportTo(world, path, "mbox");
  assert(done.kind === "exported");
  assert.deepEqual([done.written, done.there], [0, 3]);
  const inbox = (await readByPython("mbox", path))["Inbox.mbox"];
  assert.deepEqual(
    inbox?.map(({ subject }) => subject),
    ["m0", "m1", "m2"],
  );
});

testBoth("what a crash leaves in tmp of a Maildir is written again", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  await world.add({ message: clear("one", "x\r\n") });
  const path = place();
  await exportTo(world, path, "maildir");
  const [name = ""] = await readdir(join(path, "cur"));
  await rm(join(path, "cur", name));
  await writeFile(join(path, "tmp", name.replace(/:.*/, "")), "half");
  const done = await exportTo(world, path, "maildir");
  assert(done.kind === "exported" && done.written === 1);
  assert.deepEqual(await readdir(join(path, "tmp")), []);
  assert.equal((await readByPython("maildir", path))[""]?.[0]?.body, "x\n");
});

testBoth(
  "mail that waits is written with the inbox, and a folder alone has nothing else",
  async (open) => {
    await using store = await open();
    const made = await mailFilesWorld(store, NOW);
    const deps = { ...made.deps, askAuthor: async () => Promise.resolve(SILENT) };
    const world = { ...made, deps };
    await fill(world);
    const { mailbox, account, keys } = world;
    await haveWaiting(store, {
      account: account.id,
      body: Buffer.concat([Buffer.alloc(4), await sealed("waits", "later\r\n")]),
      form: "sealed",
      receivedAt: start,
      sizeBytes: 7,
      outerFrom: "x@y.test",
      // It was judged, and its author could not be asked.
      verdict: { ...locked(start), state: "ENCRYPTED_UNVERIFIED", signature: "later" },
    });
    const path = place();
    const done = await exportTo(world, path, "maildir");
    assert(done.kind === "exported");
    assert.deepEqual(
      done.closed.map(({ state }) => state),
      ["ENCRYPTED_UNVERIFIED"],
    );
    const alone = place();
    await exportTo(world, alone, "maildir", { folder: "reisen/österreich 2027" });
    assert.deepEqual(Object.keys(await readByPython("maildir", alone)).toSorted(), [
      "",
      "Reisen.&ANY-sterreich 2027",
    ]);
    const none = await exportTo(world, place(), "maildir", { folder: "nowhere" });
    assert.deepEqual(none, { kind: "no-folder", name: "nowhere" });
    const closed = await exportMailFor(
      deps,
      { account, keys: undefined },
      { folder: undefined, format: "mbox", path: place(), progress: () => undefined },
    );
    assert.equal(closed.kind, "mailbox-closed");
    const { entries } = await mailbox.list(standardFolder("drafts"), { limit: 1 });
    const one = await exportMessageFor(deps, { account, keys }, entries[0]?.id ?? "");
    assert(one.kind === "exported");
    assert.match(
      Buffer.from(one.form.message).toString(),
      /^E2E-Status: v=1; [^]*Subject: draft\r\n\r\nd\r\n$/,
    );
  },
);

testBoth("the log says by whom and how many before anything is written", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  await fill(world);
  const { deps, account, keys } = world;
  const failing = { ...deps, open: async () => Promise.reject(new Error("the first message")) };
  const wish = {
    folder: undefined,
    format: "maildir",
    path: place(),
    progress: () => undefined,
  } as const;
  await assert.rejects(exportMailFor(failing, { account, keys }, wish), /the first message/);
  const entries = await Array.fromAsync(listAudit(store, account.id));
  assert.deepEqual(
    entries.filter(({ action }) => action === "mail.exported").map(({ detail }) => detail),
    [{ by: "owner", messages: 7 }],
  );
});

testBoth("what no key opens is written as it was received", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const text = "-----BEGIN PGP MESSAGE-----\r\n\r\nwcBMA0\r\n-----END PGP MESSAGE-----\r\n";
  const message = `${HEAD.replace("text/plain; charset=utf-8", "application/octet-stream")}Subject: foreign\r\n\r\n${text}`;
  await world.add({ message: `E2E-Status: feigned\r\n${message}`, verdict: undecryptable(start) });
  const id = (await world.mailbox.list(standardFolder("inbox"), { limit: 1 })).entries[0]?.id ?? "";
  const one = await exportMessageFor(world.deps, world, id);
  assert(one.kind === "exported");
  assert.match(Buffer.from(one.form.message).toString(), /BEGIN PGP MESSAGE/);
  assert.doesNotMatch(Buffer.from(one.form.message).toString(), /feigned/);
});

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");
