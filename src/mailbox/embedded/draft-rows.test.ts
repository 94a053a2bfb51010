/** What others do to the rows of drafts, and what drafts leave alone. */
import assert from "node:assert/strict";

import { summaryMail } from "../../../test/contract/mailbox-world.ts";
import { attached, draftsWorld, saved, written } from "../../../test/support/drafts.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { longestBlock } from "../../../test/support/longest-block.ts";
import { newOctets } from "../../base/large-octets.ts";
import { SECOND } from "../../base/time.ts";
import { MAX_ATTACHMENTS, type AttachmentId, type DraftVersion } from "../drafts/drafts.ts";
import { standardFolder } from "../mailbox.ts";

const onBoth = testOnBoth();

onBoth(
  "who exchanges stored octets puts no other text or attachment into a draft",
  async (open) => {
    await using world = await draftsWorld(open, "database");
    const drafts = world.openDrafts();
    const [mine, other] = [
      await saved(drafts, written("mine")),
      await saved(drafts, written("other")),
    ];
    const one = await attached(drafts, mine.id, Buffer.from("one"));
    const two = await attached(drafts, mine.id, Buffer.from("two"));
    // Each opens with the key, in another place than it was put.
    for (const [to, from] of [
      [mine.version, other.version],
      [one.id, two.id],
    ] as const) {
      const { db } = world.store;
      const row = db.selectFrom("blobs").select(["bytes", "size"]).where("id", "=", from);
      const { bytes, size } = await row.executeTakeFirstOrThrow();
      await db.updateTable("blobs").set({ bytes, size }).where("id", "=", to).execute();
    }
    assert.deepEqual(await drafts.read(mine.id), { kind: "damaged" });
    assert.deepEqual(await drafts.readAttachment(mine.id, one.id), { kind: "damaged" });
    assert.equal((await drafts.read(other.id)).kind, "draft");
    assert.equal((await drafts.readAttachment(mine.id, two.id)).kind, "attachment");
  },
);

onBoth("a first save that is repeated makes no second draft", async (open) => {
  await using world = await draftsWorld(open, "folder");
  const drafts = world.openDrafts();
  const text = { ...written("first"), once: "the page" };
  const draft = await saved(drafts, text);
  assert.deepEqual(await drafts.save(text), { kind: "overtaken", ...draft });
  const next = await saved(drafts, written("second"), draft);
  assert.deepEqual(await drafts.save(text), { kind: "overtaken", ...next });
  assert.equal((await world.store.db.selectFrom("blobs").select("id").execute()).length, 1);
});

onBoth(
  "no message that came is written on as a draft, wherever it is, and no draft outside of Drafts",
  async (open) => {
    await using world = await draftsWorld(open, "database");
    const [drafts, mailbox] = [world.openDrafts(), world.open()];
    const folder = standardFolder("drafts");
    const came = await mailbox.append({ ...summaryMail("came"), folder });
    assert(came.kind === "appended");
    const { id } = came;
    const [row] = await world.store.db.selectFrom("mailbox_messages").select("blob").execute();
    const version = row?.blob as DraftVersion;
    assert.deepEqual(await drafts.save(written("x"), { id, version }), { kind: "no-draft" });
    assert.deepEqual(await drafts.discard(id, version), { kind: "no-draft" });
    assert.deepEqual(await drafts.readAttachment(id, version as string as AttachmentId), {
      kind: "no-draft",
    });
    const draft = await saved(drafts, written("first"));
    await mailbox.move([draft.id], standardFolder("trash"));
    assert.deepEqual(await drafts.save(written("x"), draft), { kind: "no-draft" });
    await mailbox.move([draft.id], folder);
    assert.equal((await drafts.save(written("x"), draft)).kind, "saved");
  },
);

onBoth("flags and keywords that a draft was given stay when its text is saved", async (open) => {
  await using world = await draftsWorld(open, "database");
  const [drafts, mailbox] = [world.openDrafts(), world.open()];
  const draft = await saved(drafts, written("first"));
  await mailbox.flag([draft.id], { set: ["flagged"] });
  await mailbox.setKeywords(draft.id, ["tomorrow"]);
  await saved(drafts, written("second"), draft);
  const entry = await mailbox.entry(draft.id);
  assert.deepEqual([entry?.flags, entry?.summary?.keywords], [["seen", "flagged"], ["tomorrow"]]);
});

onBoth("a search finds the text that a draft has now, and its attachments", async (open) => {
  await using world = await draftsWorld(open, "database");
  const [drafts, mailbox] = [world.openDrafts(), world.open()];
  const draft = await saved(drafts, written("earlier"));
  await mailbox.catchUp();
  await saved(drafts, written("later"), draft);
  await attached(drafts, draft.id, Buffer.from("x"), "invoice.pdf");
  const found = async (anywhere: string): Promise<number> => {
    const page = await world.open().search({ anywhere }, { limit: 10 });
    assert(page.kind === "found");
    return page.entries.length;
  };
  await mailbox.catchUp();
  assert.deepEqual(
    [await found("earlier"), await found("later"), await found("invoice")],
    [0, 1, 1],
  );
});

onBoth("no more attachments are taken than a draft may have", async (open) => {
  await using world = await draftsWorld(open, "database");
  const drafts = world.openDrafts();
  const { id } = await saved(drafts, written("first"));
  for (let at = 0; at < MAX_ATTACHMENTS; at += 1) await attached(drafts, id, Buffer.of(at));
  const more = { name: "a", contentType: "a/b", octets: Buffer.of(1) };
  assert.deepEqual(await drafts.attach(id, more), { kind: "too-many" });
  assert.equal(
    (await world.store.db.selectFrom("blobs").select("id").execute()).length,
    1 + MAX_ATTACHMENTS,
  );
});

onBoth(
  "an attachment of 25 MB holds the event loop for no long time, and a save leaves it alone",
  async (open) => {
    await using world = await draftsWorld(open, "folder");
    const drafts = world.openDrafts();
    const draft = await saved(drafts, written("first"));
    const octets = newOctets(25_000_000);
    octets.fill(7);
    const ms = await longestBlock(async () => {
      const { id } = await attached(drafts, draft.id, octets);
      const read = await drafts.readAttachment(draft.id, id);
      assert(read.kind === "attachment" && read.octets.length === octets.length);
    });
    assert(ms < SECOND / 4, `${String(ms)} ms`);
    const files = await world.store.db.selectFrom("blobs").select(["id", "size"]).execute();
    const next = await saved(drafts, written("second"), draft);
    const then = await world.store.db.selectFrom("blobs").select(["id", "size"]).execute();
    const isText = ({ id }: { readonly id: string }): boolean =>
      id === draft.version || id === next.version;
    assert.deepEqual(
      then.filter((one) => !isText(one)),
      files.filter((one) => !isText(one)),
    );
  },
);
