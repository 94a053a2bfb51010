/** What happens to a draft, for those who interrupt it: each from the same state. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";

import type { BlobPlaces } from "../../src/blobs/blobs.ts";
import { after, HOUR, systemClock } from "../../src/base/time.ts";
import { openBlobs } from "../../src/blobs/blobs.ts";
import type { DraftAttachment, Drafts, Replaced } from "../../src/mailbox/drafts/drafts.ts";
import { standardFolder, type Mailbox } from "../../src/mailbox/mailbox.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import type { Store } from "../../src/store/store.ts";
import { attached, saved, written } from "./drafts.ts";
import { embeddedMailbox } from "./embedded-mailbox.ts";

/** A database, where bodies are, and the key of the reader, which each process opens anew. */
export type DraftPlace = {
  readonly store: Store;
  readonly places: BlobPlaces;
  readonly key: UnlockedKey;
};

/** The draft that each event finds. */
type Begun = {
  readonly drafts: Drafts;
  readonly draft: Replaced;
  readonly attachment: DraftAttachment;
};

/** The events by their names. */
export const DRAFT_EVENTS: Readonly<Record<string, (begun: Begun) => Promise<unknown>>> = {
  new: async ({ drafts }) => saved(drafts, { ...written("another"), once: "the page" }),
  save: async ({ drafts, draft }) => saved(drafts, written("second"), draft),
  "save a large text": async ({ drafts, draft }) => saved(drafts, LARGE, draft),
  attach: async ({ drafts, draft }) => attached(drafts, draft.id, OCTETS, "b.pdf"),
  detach: async ({ drafts, draft, attachment }) => drafts.detach(draft.id, attachment.id),
  discard: async ({ drafts, draft }) => drafts.discard(draft.id, draft.version),
};

const FIRST = written("first");
const LARGE = written("large ".repeat(100_000));
const OCTETS = Buffer.alloc(700_000, 5);

/** Makes the draft: a text, and an attachment. */
export async function makeDraft(place: DraftPlace): Promise<void> {
  const { openDrafts } = await embeddedMailbox(place.store, place.places, place.key);
  const { id } = await saved(openDrafts(), FIRST);
  await attached(openDrafts(), id, OCTETS);
}

/** Does an event. */
export async function doEvent(place: DraftPlace, event: string): Promise<void> {
  const act = DRAFT_EVENTS[event];
  if (act === undefined) throw new Error(`no event ${event}`);
  await act(await begun(place));
}

async function begun(place: DraftPlace): Promise<Begun> {
  const { open, openDrafts } = await embeddedMailbox(place.store, place.places, place.key);
  const drafts = openDrafts();
  const [entry] = await listed(open());
  const read = entry && (await drafts.read(entry.id));
  assert(read?.kind === "draft");
  const [attachment] = read.attachments;
  assert(attachment);
  return { drafts, draft: read, attachment };
}

async function listed(mailbox: Mailbox) {
  return (await mailbox.list(standardFolder("drafts"), { limit: 10 })).entries;
}

/**
 * The drafts are as they were before the event, or after it; the mailbox is counted; after a sweep no octets are left that
 * no row names. @returns which.
 */
export async function requireOldOrNew(
  place: DraftPlace,
  event: string,
): Promise<"before" | "after"> {
  const { store, places } = place;
  const { open, openDrafts, openClosed } = await embeddedMailbox(store, places, place.key);
  const found: string[] = [];
  for (const { id, sizeBytes } of await listed(open())) {
    found.push(await describe(openDrafts(), id, sizeBytes));
  }
  const [before, then] = [[...BEFORE].join(" | "), AFTER[event]?.join(" | ")];
  const now = found.toSorted((a, b) => a.localeCompare(b)).join(" | ");
  assert(now === before || now === then, now);
  const rows = await store.db.selectFrom("mailbox_messages").select("stored_bytes").execute();
  const { bytes } = await openClosed().figures();
  assert.equal(
    bytes,
    rows.reduce((sum, row) => sum + row.stored_bytes, 0),
  );
  await requireNothingElse(place);
  return now === before ? "before" : "after";
}

async function describe(drafts: Drafts, id: Replaced["id"], sizeBytes: number): Promise<string> {
  const read = await drafts.read(id);
  assert(read.kind === "draft", read.kind);
  let size = read.message.length;
  const names: string[] = [];
  for (const one of read.attachments) {
    const attachment = await drafts.readAttachment(id, one.id);
    assert(attachment.kind === "attachment" && Buffer.compare(attachment.octets, OCTETS) === 0);
    size += OCTETS.length;
    names.push(attachment.name);
  }
  assert.equal(sizeBytes, size);
  return [wordOf(read.message), ...names].join(" ");
}

const BEFORE = ["first a.pdf"];
const AFTER: Readonly<Record<string, readonly string[]>> = {
  new: ["another", "first a.pdf"],
  save: ["second a.pdf"],
  "save a large text": ["large a.pdf"],
  attach: ["first a.pdf b.pdf"],
  detach: ["first"],
  discard: [],
};

/** The first word of the subject. */
function wordOf(message: Uint8Array): string {
  return /^Subject: (\w+)/m.exec(Buffer.from(message).toString())?.[1] ?? "";
}

async function requireNothingElse({ store, places }: DraftPlace): Promise<void> {
  const clock = { now: () => after(systemClock.now(), 2 * HOUR) };
  await openBlobs({ store, clock }, places).sweep();
  const rows = await store.db.selectFrom("blobs").select(["id", "place"]).execute();
  const texts = await store.db.selectFrom("mailbox_messages").select("blob").execute();
  const attachments = await store.db.selectFrom("draft_attachments").select("blob").execute();
  const used = [...texts, ...attachments].map(({ blob }) => blob);
  assert.deepEqual(rows.map(({ id }) => id).toSorted(), used.toSorted());
  if (places.bodies === "database") return;
  const entries = await readdir(places.bodiesFolder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  assert.deepEqual(files.toSorted(), used.toSorted());
}
