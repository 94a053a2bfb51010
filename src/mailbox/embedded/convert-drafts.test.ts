/** Drafts in a conversion: text and attachments come under the present key pair, and no editor notices. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";

import {
  attached,
  draftsWorld,
  saved,
  written,
  type DraftsWorld as World,
} from "../../../test/support/drafts.ts";
import { engines } from "../../../test/support/engines.ts";
import { ownKey } from "../../../test/support/openpgp-messages.ts";
import { fileOf } from "../../blobs/body-files.ts";
import { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { Conversion } from "../conversion.ts";
import type { Drafts, Replaced } from "../drafts/drafts.ts";
import { standardFolder, type MessageId } from "../mailbox.ts";

const own = await ownKey("bob@beta.test", "compat");
const drafts = standardFolder("drafts");
const alone = new UnlockedKeys([own], undefined, [], { mailbox: own.fingerprint });

/** The keys of a reader who chose another pair for their mailbox. */
function separate({ keys }: World): UnlockedKeys {
  const [published] = keys.all;
  assert(published);
  return new UnlockedKeys([published, own], published.fingerprint, [], {
    mailbox: own.fingerprint,
  });
}

type Converted = Extract<Conversion, { readonly kind: "converted" }>;

async function convert(world: World): Promise<Converted> {
  const conversion = await world.openAs(separate(world)).convert();
  assert(conversion.kind === "converted");
  return conversion;
}

/** The octets of the attachments of a draft, in their order. */
async function attachmentsOf(open: Drafts, id: MessageId): Promise<readonly Buffer[]> {
  const draft = await open.read(id);
  assert(draft.kind === "draft", draft.kind);
  const octets: Buffer[] = [];
  for (const one of draft.attachments) {
    const read = await open.readAttachment(id, one.id);
    assert(read.kind === "attachment", read.kind);
    octets.push(Buffer.from(read.octets));
  }
  return octets;
}

async function requireCounted({ store, openClosed }: World): Promise<void> {
  const rows = await store.db.selectFrom("mailbox_messages").select("stored_bytes").execute();
  const blobs = await store.db.selectFrom("blobs").select("size").execute();
  const summaries = await store.db.selectFrom("mailbox_messages").select("summary").execute();
  const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
  const { bytes } = await openClosed().figures();
  assert.equal(bytes, sum(rows.map((row) => row.stored_bytes)));
  const octets = sum(blobs.map(({ size }) => size));
  assert.equal(bytes, octets + sum(summaries.map(({ summary }) => summary.length)));
}

for (const { engine, open: openStore } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    const onThis = (what: string, work: (world: World) => Promise<void>): void => {
      test(`${engine}, bodies in the ${bodies}: ${what}`, async () => {
        await using world = await draftsWorld(openStore, bodies);
        await work(world);
      });
    };

    onThis("attachments of a draft need no former key pair afterwards", async (world) => {
      const open = world.openDrafts();
      const { id } = await saved(open, written("first"));
      const octets = [randomBytes(1000), randomBytes(300_000)];
      for (const one of octets) await attached(open, id, one);
      const { bodies: count, left } = await convert(world);
      assert.deepEqual([count, left], [3, 0]);
      const under = await world.store.db.selectFrom("blobs").select("key").execute();
      assert.deepEqual(new Set(under.map(({ key }) => key)), new Set([own.fingerprint]));
      assert.equal(under.length, 3);
      assert.deepEqual(await attachmentsOf(world.openDrafts({ as: alone }), id), octets);
      await requireCounted(world);
      assert.equal((await convert(world)).bodies, 0);
    });

    onThis("whoever is writing a draft goes on writing", async (world) => {
      const draft = await saved(world.openDrafts(), written("first"));
      const attachment = await attached(world.openDrafts(), draft.id, Buffer.from("octets"));
      const { latest } = await world.openClosed().figures();
      await convert(world);
      const editor = world.openDrafts({ as: separate(world) });
      const read = await editor.read(draft.id);
      assert(read.kind === "draft");
      assert.equal(read.version, draft.version);
      assert.deepEqual(read.attachments, [attachment]);
      assert.equal((await world.openClosed().figures()).latest, latest);
      const next = await saved(editor, written("second"), draft);
      assert.notEqual(next.version, draft.version);
      const { kind } = await editor.save(written("from another window"), draft);
      assert.equal(kind, "overtaken");
      assert.deepEqual(await editor.detach(draft.id, attachment.id), { kind: "detached" });
      await requireCounted(world);
      assert.equal((await world.store.db.selectFrom("blobs").select("id").execute()).length, 1);
    });

    onThis("a draft that was sent meanwhile is discarded by the version before", async (world) => {
      const draft: Replaced = await saved(world.openDrafts(), written("first"));
      await attached(world.openDrafts(), draft.id, Buffer.from("octets"));
      await convert(world);
      const closed = world.openDrafts({ isClosed: true });
      assert.deepEqual(await closed.discard(draft.id, draft.version), { kind: "discarded" });
      assert.deepEqual(await world.store.db.selectFrom("blobs").select("id").execute(), []);
    });

    onThis("a copy of a draft keeps its attachments, which both share", async (world) => {
      const draft = await saved(world.openDrafts(), written("first"));
      await attached(world.openDrafts(), draft.id, Buffer.from("octets"));
      const copied = await world.open().copy([draft.id], drafts);
      assert(copied.kind === "done");
      const [copy] = copied.ids;
      assert(copy);
      assert.equal((await convert(world)).bodies, 2);
      const editor = world.openDrafts({ as: alone });
      for (const id of [draft.id, copy]) {
        assert.deepEqual(await attachmentsOf(editor, id), [Buffer.from("octets")]);
      }
    });

    onThis("an upload, a save and two conversions at once lose nothing", async (world) => {
      const editor = world.openDrafts({ as: separate(world) });
      let draft = await saved(world.openDrafts(), written("first"));
      const { id } = draft;
      const octets = Array.from({ length: 4 }, (_, at) => randomBytes(20_000 + at));
      const [first = randomBytes(1)] = octets;
      await attached(world.openDrafts(), id, first);
      const writing = async (): Promise<void> => {
        for (const text of ["second", "third", "fourth"]) {
          draft = await saved(editor, written(text), draft);
        }
      };
      const uploading = async (): Promise<void> => {
        for (const one of octets.slice(1)) await attached(editor, id, one);
      };
      await Promise.all([convert(world), writing(), uploading(), convert(world)]);
      assert.equal((await convert(world)).left, 0);
      const open = world.openDrafts({ as: alone });
      assert.deepEqual(await attachmentsOf(open, id), octets);
      const read = await open.read(id);
      assert(read.kind === "draft");
      assert.match(Buffer.from(read.message).toString(), /fourth as text/);
      await requireCounted(world);
    });

    if (bodies === "folder") {
      onThis("a draft whose text and attachment stay is counted once", async (world) => {
        const { id } = await saved(world.openDrafts(), written("first"));
        await attached(world.openDrafts(), id, Buffer.from("octets"));
        for (const row of await world.store.db
          .selectFrom("blobs")
          .select(["id", "size"])
          .execute()) {
          await writeFile(fileOf(world.folder, row.id), Buffer.alloc(row.size));
        }
        const named = [{ id, because: "unreadable" }];
        const { bodies: count, left, named: found } = await convert(world);
        assert.deepEqual([count, left, found], [0, 1, named]);
      });
    }
  }
}
