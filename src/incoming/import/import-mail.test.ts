/** Imports on both engines: round trips, files of other programs, what is said of old mail, and interruptions. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before } from "node:test";
import { promisify } from "node:util";

import { start } from "../../../test/contract/mailbox-world.ts";
import { serves } from "../../../test/support/authors.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import {
  all,
  clear,
  HEAD,
  importFrom,
  newPlaces,
  PLENTY,
} from "../../../test/support/imported-mail.ts";
import {
  bobsKey,
  mailFilesWorld,
  type MailFilesWorld,
} from "../../../test/support/mail-files-world.ts";
import { ownKey } from "../../../test/support/openpgp-messages.ts";
import { after as later, DAY, MINUTE } from "../../base/time.ts";
import { listAudit } from "../../journal/journal.ts";
import { formatAddress } from "../../mail/address.ts";
import { fromLine } from "../../mailbox/files/mbox-lines.ts";
import { standardFolder, type FolderId } from "../../mailbox/mailbox.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { seal } from "../../pgpmime/seal.ts";
import { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import { exportMailFor } from "../export/export-mail.ts";
import { openPending, retryOpening } from "../pending.ts";
import { importMailFor } from "./import-mail.ts";

const testBoth = testOnBoth();
const NOW = later(start, DAY);
const place = newPlaces("sealpost-import-");
let alice: UnlockedKey;

before(async () => {
  alice = await ownKey("a@alpha.test", "compat");
});

async function fill({ add, mailbox }: MailFilesWorld): Promise<void> {
  const at = (minutes: number): Date => later(start, minutes * MINUTE);
  const own = async (name: string): Promise<FolderId> => {
    const added = await mailbox.addFolder(name);
    assert(added.kind === "added");
    return added.id;
  };
  await add({
    message: clear("a", "From me\r\n>From you\r\n\r\n\r\n"),
    flags: ["seen", "answered"],
  });
  await add({ message: clear("b", ""), receivedAt: at(1), flags: ["flagged", "forwarded"] });
  await add({ message: clear("c", "no end"), receivedAt: at(2) });
  const eightBit = Buffer.from(
    `${HEAD.replace("utf-8", "iso-8859-1")}Subject: d\r\n\r\nGr\u00fc\u00dfe\r\n`,
    "latin1",
  );
  await add({ message: eightBit, receivedAt: at(3), folder: await own("Reisen/Österreich 2027") });
  await add({
    message: clear("e", "x\r\n"),
    folder: await own("仕事.v2"),
    keywords: ["später", "x"],
  });
  await add({ message: clear("f", "x\r\n"), folder: standardFolder("drafts") });
}

for (const format of ["maildir", "mbox"] as const) {
  testBoth(
    `what is exported as ${format} and imported again is the same, and imported once`,
    async (open) => {
      await using one = await open();
      await using other = await open();
      const [from, to] = [await mailFilesWorld(one, NOW), await mailFilesWorld(other, NOW)];
      await fill(from);
      const path = place();
      const { account, keys } = from;
      const wish = { folder: undefined, format, path, progress: () => undefined };
      assert.equal((await exportMailFor(from.deps, { account, keys }, wish)).kind, "exported");
      const first = await importFrom(to, path);
      assert.deepEqual([first.imported, first.known, [...first.leftOut]], [6, 0, []]);
      const expected = (await all(from)).map((mail) => ({
        ...mail,
        said: `${mail.said} IMPORTED`,
        // Keywords of a Maildir are not read, and a file ends its last line.
        keywords: format === "mbox" ? mail.keywords : [],
        body: format === "mbox" ? mail.body.replace(/^no end$/, "no end\r\n") : mail.body,
      }));
      // The messages have no field that says when they came: a Maildir has the time of the file.
      assert.deepEqual(await all(to), expected);
      await to.mailbox.catchUp();
      const found = await to.mailbox.search({ keyword: "später" }, { limit: 10 });
      assert(found.kind === "found" && found.entries.length === (format === "mbox" ? 1 : 0));
      const again = await importFrom(to, path);
      assert.deepEqual([again.imported, again.known], [0, 6]);
      assert.equal((await all(to)).length, 6);
    },
  );

  testBoth(`an import of ${format} that was interrupted goes on, wherever it was`, async (open) => {
    await using one = await open();
    const from = await mailFilesWorld(one, NOW);
    await fill(from);
    const path = place();
    const wish = { folder: undefined, format, path, progress: () => undefined };
    await exportMailFor(from.deps, from, wish);
    for (let stop = 1; stop <= 6; stop += 1) {
      await using other = await open();
      const to = await mailFilesWorld(other, NOW);
      const progress = (messages: number): void => {
        if (messages === stop) throw new Error("interrupted");
      };
      await assert.rejects(importFrom(to, path, { progress }), /interrupted/);
      const { imported, known } = await importFrom(to, path);
      assert.deepEqual([imported, known], [6 - stop, stop]);
      assert.equal((await all(to)).length, 6);
    }
  });
}

testBoth("flags and keywords of a sender come through no export", async (open) => {
  await using one = await open();
  const from = await mailFilesWorld(one, NOW);
  const said =
    "Status: RO\r\nX-Status: ADF\r\nX-Keywords: theirs\r\nX-Mozilla-Status: 1009\r\nX-Mozilla-Keys: k\r\n";
  await from.add({ message: `${said}${clear("s", "x\r\n")}`, keywords: ["own"] });
  const untouched = [["inbox", "s", ""]];
  for (const format of ["maildir", "mbox"] as const) {
    const path = place();
    await exportMailFor(from.deps, from, {
      folder: undefined,
      format,
      path,
      progress: () => undefined,
    });
    await using other = await open();
    const to = await mailFilesWorld(other, NOW);
    await importFrom(to, path);
    const found = (await all(to)).map(({ folder, subject, flags }) => [folder, subject, flags]);
    assert.deepEqual(found, untouched);
  }
  // A file of the Maildir, as another program would put it into an mbox file.
  const maildir = place();
  const wish = { folder: undefined, progress: () => undefined, path: maildir };
  await exportMailFor(from.deps, from, { ...wish, format: "maildir" });
  const [name = ""] = await readdir(join(maildir, "cur"));
  const message = await readFile(join(maildir, "cur", name), "utf8");
  const mbox = `${place()}.mbox`;
  await writeFile(mbox, `${fromLine(undefined, start)}${message}\n`);
  await using third = await open();
  const to = await mailFilesWorld(third, NOW);
  await importFrom(to, mbox, { folder: "inbox" });
  const found = (await all(to)).map(({ folder, flags, keywords }) => [folder, flags, keywords]);
  assert.deepEqual(found, [["inbox", "", ["own"]]]);
});

const PYTHON = `
import mailbox, sys
kind, path = sys.argv[1:3]
if kind == "mbox":
    box = mailbox.mbox(path)
    make = mailbox.mboxMessage
else:
    box = mailbox.Maildir(path)
    make = mailbox.MaildirMessage
for at, body in enumerate(["From me\\n", "two\\n\\n\\n", ""]):
    m = make("From: a@alpha.test\\nSubject: p%d\\nReceived: from x by y; Fri, 15 Jan 2027 08:0%d:00 +0000\\n\\n%s" % (at, at, body))
    if kind == "mbox":
        m.set_from("a@alpha.test", (2027, 1, 15, 8, at, 0, 4, 15, 0))
        m.set_flags(["", "RO", "ROAF"][at])
    else:
        m.set_subdir("new" if at == 0 else "cur")
        m.set_flags(["", "S", "SRF"][at])
    box.add(m)
if kind == "maildir":
    box.add_folder("Work").add(make("From: a@alpha.test\\nSubject: w\\nDate: Fri, 15 Jan 2027 08:00:00 +0000\\n\\nw\\n"))
    m = make("From: a@alpha.test\\nSubject: t\\nDate: Fri, 15 Jan 2027 08:00:00 +0000\\n\\nt\\n")
    m.set_flags("ST")
    box.add_folder("Sent Items").add(m)
box.flush()
box.close()
`;

for (const format of ["maildir", "mbox"] as const) {
  testBoth(
    `what Python wrote as ${format} is read with its flags, folders and times`,
    async (open) => {
      await using store = await open();
      const world = await mailFilesWorld(store, NOW);
      const path = `${place()}.mbox`;
      await promisify(execFile)("/usr/bin/python3.11", ["-c", PYTHON, format, path]);
      const { imported } = await importFrom(
        world,
        path,
        format === "mbox" ? { folder: "inbox" } : {},
      );
      const kept = (await all(world)).map(({ folder: at, subject, flags, body, receivedAt }) => [
        at,
        subject,
        flags,
        body,
        (receivedAt.getTime() - start.getTime()) / MINUTE,
      ]);
      const inbox = [
        ["inbox", "p0", "", "From me\r\n", 0],
        ["inbox", "p1", "seen", format === "mbox" ? "two\r\n\r\n\r\n" : "two\r\n\r\n\r\n", 1],
        ["inbox", "p2", "answered flagged seen", "", 2],
      ];
      const more = [
        ["trash", "t", "seen", "t\r\n", 0],
        ["Work", "w", "", "w\r\n", 0],
      ];
      const expected = format === "mbox" ? inbox : [...inbox, ...more];
      const bySubject = (a: readonly unknown[], b: readonly unknown[]): number =>
        String(a[1]) < String(b[1]) ? -1 : 1;
      assert.deepEqual(kept.toSorted(bySubject), expected.toSorted(bySubject));
      assert.equal(imported, expected.length);
    },
  );
}

async function sealedBy(signer: UnlockedKey, recipient = bobsKey): Promise<string> {
  const date = start.toUTCString().replace("GMT", "+0000");
  const message = `From: a@alpha.test\r\nTo: bob@beta.test\r\nSubject: secret\r\nDate: ${date}\r\nMessage-ID: <1@alpha.test>\r\n\r\nCANARY\r\n`;
  const made = await seal({
    message: Buffer.from(message),
    signer,
    recipients: [recipient.certificate],
    intended: [recipient.fingerprint],
    now: start,
  });
  return Buffer.from(made).toString("latin1");
}

testBoth(
  "old mail is never better than unverified, asks nobody, and keeps no result that it brought",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const path = `${place()}.mbox`;
    const feigned =
      "E2E-Status: v=1; state=CONFIDENTIAL\nAuthentication-Results: mx.beta.test; dkim=pass\nX-Sealpost-Imported: no\nX-UID: 7\n";
    const messages = [feigned + (await sealedBy(alice)), `${feigned}${clear("plain", "x\r\n")}`];
    await writeFile(
      path,
      messages
        .map((one) => `${fromLine(undefined, start)}${one.replaceAll("\r\n", "\n")}\n`)
        .join(""),
    );
    await importFrom(world, path, { folder: "archive" });
    const kept = await all(world);
    assert.deepEqual(
      kept.map(({ folder: at, subject, said, body }) => [at, subject, said, body]),
      [
        ["archive", "plain", "UNPROTECTED IMPORTED", "x\r\n"],
        ["archive", "secret", "ENCRYPTED_UNVERIFIED IMPORTED", "CANARY\r\n"],
      ],
    );
    const { entries } = await world.mailbox.list(standardFolder("archive"), { limit: 2 });
    for (const { id, form } of entries) {
      const read = await world.mailbox.read(id);
      assert(read.kind === "read" && read.form === form);
      const text = Buffer.from(read.message).toString("latin1");
      assert.match(text, /^X-Sealpost-Imported: \w{3}, /);
      assert.doesNotMatch(text, /CONFIDENTIAL|dkim=pass|X-UID|Imported: no/);
      // Sealed mail stays as it was received.
      if (form === "sealed") assert(text.endsWith(await bodyOf(messages[0] ?? "")));
    }
  },
);

async function bodyOf(message: string): Promise<string> {
  return Promise.resolve(message.slice(message.indexOf("\r\n\r\n")));
}

testBoth(
  "a message whose key comes later opens on request, and is no better for it",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const former = await ownKey("bob@beta.test", "compat");
    const path = `${place()}.mbox`;
    await writeFile(path, `${fromLine(undefined, start)}${await sealedBy(alice, former)}\r\n`);
    await importFrom(world, path, { folder: "inbox" });
    assert.deepEqual(
      (await all(world)).map(({ said }) => said),
      ["UNDECRYPTABLE"],
    );
    const keys = new UnlockedKeys([bobsKey, former], bobsKey.fingerprint, []);
    const deps = {
      ...world.deps,
      askAuthor: async () => Promise.resolve(serves(alice.certificate)),
    };
    assert.equal(await retryOpening(deps, world.account.id), 1);
    await openPending(deps, world.account.id, keys);
    const opened = (await all({ ...world, keys })).map(({ said }) => said);
    assert.deepEqual(opened, ["ENCRYPTED_UNVERIFIED IMPORTED"]);
  },
);

testBoth(
  "an import ends where the mailbox is full, and goes on when there is room",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const path = `${place()}.mbox`;
    const body = "x".repeat(2000);
    const messages = [1, 2, 3, 4, 5].map(
      (at) => `${fromLine(undefined, start)}${HEAD}Subject: ${String(at)}\n\n${body}\n\n`,
    );
    await writeFile(path, messages.join(""));
    const small = await importFrom(world, path, { quota: { ...PLENTY, mailboxBytes: 8000 } });
    assert(small.isFull && small.imported > 0 && small.imported < 5);
    const rest = await importFrom(world, path);
    assert.deepEqual(
      [rest.imported, rest.known, rest.isFull],
      [5 - small.imported, small.imported, false],
    );
    const [own] = (await world.mailbox.folders()).filter(({ standard }) => standard === undefined);
    assert.equal(own?.messages, 5);
  },
);

testBoth("what cannot be taken is named and counted, and the rest is imported", async (open) => {
  await using store = await open();
  const world = await mailFilesWorld(store, NOW);
  const path = place();
  await mkdir(join(path, "cur"), { recursive: true });
  await writeFile(join(path, "cur", "1:2,"), "x".repeat(5000));
  await writeFile(join(path, "cur", "2:2,"), "no header at all");
  await writeFile(join(path, "cur", "3:2,S"), clear("good", "x\n"));
  await symlink("/etc/passwd", join(path, "cur", "4:2,"));
  await writeFile(join(path, "cur", ".hidden"), clear("hidden", "x\n"));
  const done = await importFrom(world, path, { maxBytes: 4000 });
  assert.equal(done.imported, 1);
  assert.deepEqual(Object.fromEntries(done.leftOut), {
    "too-large": 1,
    "no-header": 1,
    unreadable: 1,
  });
  assert.deepEqual(
    done.places.map(({ place: at, why }) => `${at.slice(path.length)} ${why}`).toSorted(),
    ["/cur/1:2, too-large", "/cur/2:2, no-header", "/cur/4:2, unreadable"],
  );
  const mbox = `${place()}.mbox`;
  const line = fromLine(undefined, start);
  const deleted = `${line}X-Mozilla-Status: 0009\n${HEAD}Subject: gone\n\nx\n\n`;
  await writeFile(mbox, `garbage\n\n${deleted}${line}${HEAD}Subject: cut`);
  const corrupted = await importFrom(world, mbox, { folder: "Alt" });
  assert.deepEqual(Object.fromEntries(corrupted.leftOut), { "no-message": 1 });
  assert.deepEqual(Object.fromEntries(corrupted.folders), { Alt: 1, Trash: 1 });
  // Whoever wrote the mark: nothing is lost because of it.
  assert.deepEqual([...corrupted.trashed], [["Alt", 1]]);
  const trash = (await all(world)).filter(({ folder: at }) => at === "trash");
  assert.deepEqual(
    trash.map(({ subject, flags }) => [subject, flags]),
    [["gone", "seen"]],
  );
});

testBoth(
  "nothing is imported where there is no mail, no key, or a folder that cannot be",
  async (open) => {
    await using store = await open();
    const world = await mailFilesWorld(store, NOW);
    const { deps, account, keys } = world;
    const importDeps = { ...deps, quota: PLENTY, maxBytes: 1000 };
    const empty = place();
    await mkdir(empty);
    const wish = { path: empty, folder: undefined, progress: () => undefined };
    assert.deepEqual(await importMailFor(importDeps, { account, keys }, wish), {
      kind: "no-mail-here",
      path: empty,
    });
    const closed = await importMailFor(importDeps, { account, keys: undefined }, wish);
    assert.equal(closed.kind, "mailbox-closed");
    assert.deepEqual(await Array.fromAsync(listAudit(store, account.id)), []);
    const mbox = `${place()}.mbox`;
    await writeFile(mbox, `${fromLine(undefined, later(NOW, DAY))}${HEAD}\nx\n`);
    const bad = await importMailFor(
      importDeps,
      { account, keys },
      { ...wish, path: mbox, folder: "x".repeat(200) },
    );
    assert.deepEqual(bad, { kind: "folder-refused", name: "x".repeat(200), why: "bad-name" });
    await importFrom(world, mbox, { folder: "inbox" });
    // A time that has not come yet is none.
    assert.deepEqual(
      (await all(world)).map(({ receivedAt }) => receivedAt),
      [NOW],
    );
    const entries = await Array.fromAsync(listAudit(store, account.id));
    assert.deepEqual(
      entries.map(({ action, detail }) => [action, detail["by"]]),
      [
        ["mail.imported", "owner"],
        ["mail.imported", "owner"],
      ],
    );
    assert.equal(formatAddress(account.address), "bob@beta.test");
  },
);
