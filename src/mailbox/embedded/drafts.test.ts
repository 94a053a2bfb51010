import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import {
  attached,
  draftsWorld,
  saved,
  written,
  type DraftsWorld as World,
} from "../../../test/support/drafts.ts";
import { engines } from "../../../test/support/engines.ts";
import { lootFrom } from "../../../test/support/loot.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { lockAccount } from "../../store/accounts/account-locks.ts";
import { eraseAccount } from "../../store/accounts/erase.ts";
import type { AttachmentId, Drafts } from "../drafts/drafts.ts";
import { standardFolder, type MessageId } from "../mailbox.ts";
import { expungeRemoved } from "./expunge.ts";

const CANARY = "CANARY-2b7d";
const drafts = standardFolder("drafts");

async function textOf(open: Drafts, id: MessageId): Promise<string> {
  const draft = await open.read(id);
  assert(draft.kind === "draft", draft.kind);
  return Buffer.from(draft.message).toString();
}

async function octetsOf(open: Drafts, id: MessageId, wanted: AttachmentId): Promise<Buffer> {
  const read = await open.readAttachment(id, wanted);
  assert(read.kind === "attachment", read.kind);
  return Buffer.from(read.octets);
}

/** The names of all blobs: rows, and files. */
async function blobsOf({ store, folder }: World) {
  const rows = (await store.db.selectFrom("blobs").select(["id", "place"]).execute()).toSorted(
    (a, b) => (a.id < b.id ? -1 : 1),
  );
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const elsewhere = rows.filter(({ place }) => place === "folder").map(({ id }) => id);
  assert.deepEqual(files.toSorted(), elsewhere, "each file has its row");
  return rows.map(({ id }) => id);
}

/** The mailbox is as large as its messages say, and these as their octets. */
async function requireCounted({ store, openClosed }: World): Promise<number> {
  const { bytes } = await openClosed().figures();
  const rows = await store.db.selectFrom("mailbox_messages").select("stored_bytes").execute();
  assert.equal(
    bytes,
    rows.reduce((sum, row) => sum + row.stored_bytes, 0),
  );
  return bytes;
}

for (const { engine, open: openStore } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    const onThis = (what: string, work: (world: World) => Promise<void>): void => {
      test(`${engine}, bodies in the ${bodies}: ${what}`, async () => {
        await using world = await draftsWorld(openStore, bodies);
        await work(world);
      });
    };

    onThis("a draft is read as it was saved, and stands in the list as one", async (world) => {
      const open = world.openDrafts();
      const draft = await saved(open, written("first"));
      const octets = randomBytes(1000);
      const attachment = await attached(open, draft.id, octets);
      const read = await open.read(draft.id);
      assert(read.kind === "draft");
      assert.deepEqual(Buffer.from(read.message), written("first").message);
      assert.equal(read.version, draft.version);
      assert.deepEqual(read.attachments, [attachment]);
      assert.deepEqual(
        [attachment.name, attachment.contentType, attachment.sizeBytes],
        ["a.pdf", "application/pdf", 1000],
      );
      assert.deepEqual(await octetsOf(open, draft.id, attachment.id), octets);
      const [entry, ...others] = (await world.open().list(drafts, { limit: 10 })).entries;
      assert(entry?.summary && others.length === 0);
      assert.deepEqual([entry.id, entry.state, entry.flags], [draft.id, "DRAFT", ["seen"]]);
      assert.equal(entry.summary.subject, "first as subject");
      assert.equal(entry.sizeBytes, written("first").message.length + 1000);
      assert.equal(entry.summary.attachments[0]?.name, "a.pdf");
      assert.equal(entry.summary.verdict.signature, "none");
    });

    onThis("a text that was shown with our results is saved without them", async (world) => {
      const open = world.openDrafts();
      const results = "E2E-Receipt: v=1, rcpt=ben@beta.test; got=sealed\r\nE2E-Status: v=1\r\n";
      const withResults = (text: string) => ({
        message: Buffer.concat([Buffer.from(results), written(text).message]),
      });
      const draft = await saved(open, withResults("first"));
      assert.equal(await textOf(open, draft.id), Buffer.from(written("first").message).toString());
      const { id } = await saved(open, withResults("second"), draft);
      assert.equal(await textOf(open, id), Buffer.from(written("second").message).toString());
    });

    onThis(
      "a text replaces the one before, under the same ID, and nothing of that stays",
      async (world) => {
        const open = world.openDrafts();
        let draft = await saved(open, written("first"));
        const before = await blobsOf(world);
        for (const text of ["second", "third"]) {
          world.clock.advance(MINUTE);
          const next = await saved(open, written(text), draft);
          assert.equal(next.id, draft.id);
          assert.notEqual(next.version, draft.version);
          draft = next;
        }
        assert.match(await textOf(open, draft.id), /third as text/);
        const after = await blobsOf(world);
        assert.equal(after.length, 1);
        assert.notDeepEqual(after, before);
        await requireCounted(world);
        const [entry] = (await world.open().list(drafts, { limit: 10 })).entries;
        assert.equal(entry?.summary?.subject, "third as subject");
        assert.deepEqual(entry.receivedAt, world.clock.now());
        const { kind } = await world.open().changesSince(1);
        assert.equal(kind, "changes", "whoever looks at the mailbox reads no list again");
      },
    );

    onThis(
      "of two windows that save at once one is told, and overwrites nothing",
      async (world) => {
        const draft = await saved(world.openDrafts(), written("first"));
        const both = await Promise.all(
          ["left", "right"].map(async (text) => world.openDrafts().save(written(text), draft)),
        );
        assert.deepEqual(
          both.map(({ kind }) => kind).toSorted((a, b) => a.localeCompare(b)),
          ["overtaken", "saved"],
        );
        const [winner, loser] = both[0]?.kind === "saved" ? both : both.toReversed();
        assert(winner?.kind === "saved" && loser?.kind === "overtaken");
        assert.equal(loser.version, winner.version, "with it they save over it, when they want");
        const text = both[0] === winner ? "left" : "right";
        assert.match(await textOf(world.openDrafts(), draft.id), new RegExp(text));
        assert.equal((await blobsOf(world)).length, 1);
      },
    );

    onThis(
      "attachments stay as they are stored while the text is saved, and go when they are taken off",
      async (world) => {
        const open = world.openDrafts();
        let draft = await saved(open, written("first"));
        const octets = [randomBytes(3_000_000), randomBytes(10)];
        const [large, small] = [
          await attached(open, draft.id, octets[0] ?? Buffer.of()),
          await attached(open, draft.id, octets[1] ?? Buffer.of(), "b.txt"),
        ];
        const stored = await blobsOf(world);
        draft = await saved(open, written("second"), draft);
        const blobs = await blobsOf(world);
        assert(blobs.includes(large.id) && blobs.includes(small.id));
        assert.equal(stored.filter((id) => blobs.includes(id)).length, 2);
        assert.deepEqual(await octetsOf(open, draft.id, large.id), octets[0]);
        const full = await requireCounted(world);
        assert.deepEqual(await open.detach(draft.id, large.id), { kind: "detached" });
        assert(full - (await requireCounted(world)) > 2_900_000, "the room is free again");
        assert.deepEqual(await open.detach(draft.id, large.id), { kind: "no-attachment" });
        assert.deepEqual(await open.readAttachment(draft.id, large.id), { kind: "no-attachment" });
        assert.deepEqual(await octetsOf(open, draft.id, small.id), octets[1]);
        assert(!(await blobsOf(world)).includes(large.id));
        const [entry] = (await world.open().list(drafts, { limit: 10 })).entries;
        assert.equal(entry?.sizeBytes, written("second").message.length + 10);
      },
    );

    onThis("an upload and a save at once disturb each other in nothing", async (world) => {
      const open = world.openDrafts();
      const draft = await saved(open, written("first"));
      const octets = randomBytes(600_000);
      const [next, ...attachments] = await Promise.all([
        saved(open, written("second"), draft),
        attached(open, draft.id, octets),
        attached(open, draft.id, octets, "b.txt"),
      ]);
      const read = await open.read(draft.id);
      assert(read.kind === "draft");
      assert.equal(read.version, next.version);
      const names = read.attachments.map(({ name }) => name);
      assert.deepEqual(
        names.toSorted((a, b) => a.localeCompare(b)),
        ["a.pdf", "b.txt"],
      );
      for (const { id } of attachments)
        assert.deepEqual(await octetsOf(open, draft.id, id), octets);
      await requireCounted(world);
    });

    onThis(
      "a draft that was sent is deleted at once with its attachments, unless another window wrote on",
      async (world) => {
        const open = world.openDrafts();
        const draft = await saved(open, written("first"));
        await attached(open, draft.id, randomBytes(100));
        const next = await saved(open, written("second"), draft);
        const closed = world.openDrafts({ isClosed: true });
        assert.deepEqual(await closed.discard(draft.id, draft.version), { kind: "overtaken" });
        assert.deepEqual(await closed.discard(draft.id, next.version), { kind: "discarded" });
        assert.deepEqual(await closed.discard(draft.id, next.version), { kind: "discarded" });
        assert.deepEqual(await blobsOf(world), []);
        assert.equal(await requireCounted(world), 0);
        assert.deepEqual(await open.read(draft.id), { kind: "no-draft" });
        assert.deepEqual(await open.save(written("third"), next), { kind: "no-draft" });
      },
    );

    onThis(
      "a removed draft comes back with its attachments, and goes with them when its time is over",
      async (world) => {
        const open = world.openDrafts();
        const draft = await saved(open, written("first"));
        const { id } = await attached(open, draft.id, Buffer.from("octets"));
        await world.open().remove([draft.id]);
        assert.deepEqual(await open.save(written("second"), draft), { kind: "no-draft" });
        await world.open().restore([draft.id]);
        assert.deepEqual(await octetsOf(open, draft.id, id), Buffer.from("octets"));
        await world.open().remove([draft.id]);
        world.clock.advance(HOUR + MINUTE);
        await expungeRemoved(world);
        assert.deepEqual(await blobsOf(world), []);
        assert.equal(await requireCounted(world), 0);
      },
    );

    onThis("a copy shares the attachments, and keeps them when the draft goes", async (world) => {
      const open = world.openDrafts();
      const draft = await saved(open, written("first"));
      const { id } = await attached(open, draft.id, Buffer.from("octets"));
      const copied = await world.open().copy([draft.id], drafts);
      assert(copied.kind === "done");
      const [copy] = copied.ids;
      assert(copy);
      await requireCounted(world);
      await saved(open, written("second"), draft);
      await open.detach(draft.id, id);
      assert.deepEqual(await octetsOf(open, copy, id), Buffer.from("octets"));
      assert.match(await textOf(open, copy), /first/);
      await world.open().remove([copy, draft.id]);
      world.clock.advance(HOUR + MINUTE);
      await expungeRemoved(world);
      assert.deepEqual(await blobsOf(world), []);
    });

    onThis(
      "nothing of a draft is readable without the key, in the database or in files",
      async (world) => {
        const open = world.openDrafts();
        const draft = await saved(open, written(CANARY));
        const octets = Buffer.from(`${CANARY} in an attachment`);
        const { id } = await attached(open, draft.id, octets, `${CANARY}.pdf`);
        await world.open().catchUp();
        const { values } = await lootFrom(world.store);
        const entries = await readdir(world.folder, { recursive: true, withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile());
        const contents = files.map(async (file) => readFile(join(file.parentPath, file.name)));
        const all = Buffer.concat([...values, ...(await Promise.all(contents))]);
        const forms = [
          CANARY,
          Buffer.from(CANARY).toString("base64").slice(0, 12),
          CANARY.toLowerCase(),
        ];
        for (const form of forms) assert(!all.includes(form), form);
        assert(!all.includes(Buffer.from(CANARY, "utf16le")));
        const closed = world.openDrafts({ isClosed: true });
        assert.deepEqual(await closed.read(draft.id), { kind: "closed" });
        assert.deepEqual(await closed.readAttachment(draft.id, id), { kind: "closed" });
        assert.deepEqual(await closed.save(written("x")), { kind: "closed" });
      },
    );

    onThis("an erasure leaves nothing of drafts and their attachments", async (world) => {
      const open = world.openDrafts();
      const { id } = await saved(open, written("first"));
      await attached(open, id, randomBytes(3_000_000));
      const { store, account, clock, blobs } = world;
      const gone = await store.transaction(async (tx) => {
        await lockAccount(tx, account.id);
        return eraseAccount(tx, account.id, clock.now());
      });
      await blobs.remove(gone);
      assert.deepEqual(await blobsOf(world), []);
      assert.deepEqual(await store.db.selectFrom("draft_attachments").selectAll().execute(), []);
    });

    onThis("what is full keeps what it has, and can still be made smaller", async (world) => {
      const { id, version } = await saved(world.openDrafts(), written("first"));
      const full = world.openDrafts({ roomBytes: 0 });
      const octets = randomBytes(10);
      assert.deepEqual(await full.attach(id, { name: "a", contentType: "a/b", octets }), {
        kind: "full",
      });
      assert.deepEqual(await full.save(written("second")), { kind: "full" });
      const longer = written("longer".repeat(1000));
      assert.deepEqual(await full.save(longer, { id, version }), { kind: "full" });
      assert.match(await textOf(full, id), /first/);
      assert.equal((await full.save(written("s"), { id, version })).kind, "saved");
      assert.equal((await blobsOf(world)).length, 1);
    });
  }
}
