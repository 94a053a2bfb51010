/** What happens to a mailbox, for those who interrupt it: each from the same state. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { DAY } from "../../src/base/time.ts";
import { Secret } from "../../src/base/secret.ts";
import { expungeRemoved } from "../../src/mailbox/embedded/expunge.ts";
import { standardFolder, type Mailbox, type MessageId } from "../../src/mailbox/mailbox.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { deleteMessages } from "../../src/store/mailbox/message-changes.ts";
import { countToIndex } from "../../src/store/mailbox/search-terms.ts";
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Store } from "../../src/store/store.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import { summaryMail } from "../contract/mailbox-world.ts";
import { embeddedMailbox, requireCounted, type EmbeddedMailbox } from "./embedded-mailbox.ts";
import type { Place } from "./key-event-places.ts";
import { ownKey } from "./openpgp-messages.ts";
import { openTestStore } from "./tag-keys.ts";

const archive = standardFolder("archive");
const inbox = standardFolder("inbox");
/** Enough for a segment of the index. */
const MANY = 256;
/** What stays of them, in a segment that lost most of its messages. */
const KEPT = 3;
/** What came while the mailbox was closed. */
const CLOSED = ["closed0", "closed1"] as const;
const REMOVED = ["removed0", "removed1"] as const;
const KEPT_NAMES = Array.from({ length: KEPT }, (_, at) => `kept${String(at)}`);

/** A mailbox in a place, and the two key pairs of its reader. */
export type MailboxScene = EmbeddedMailbox & {
  readonly pairs: { readonly old: UnlockedKey; readonly own: UnlockedKey };
  readonly folder: string;
};

type Event = (scene: MailboxScene) => Promise<unknown>;

/** The events by their names. Each may be done once more. */
export const MAILBOX_EVENTS: Readonly<Record<string, Event>> = {
  append: async (scene) =>
    scene.openAs(same(scene)).append({ ...summaryMail("new", { text: "new" }), once: "new" }),
  move: async (scene) => {
    const mailbox = scene.openAs(same(scene));
    await mailbox.move(await idsOf(mailbox, inbox, KEPT_NAMES), archive);
  },
  // The segment that lost most of its messages is rewritten too.
  "fold in and index": async (scene) => scene.openAs(same(scene)).catchUp(),
  "change of the index": async (scene) => {
    const mailbox = scene.openAs(same(scene));
    for (const id of await idsOf(mailbox, inbox, KEPT_NAMES)) {
      await mailbox.setKeywords(id, ["marked"]);
    }
  },
  conversion: async (scene) => scene.openAs(separate(scene)).convert(),
  expunge: async ({ store, clock, blobs }) => {
    clock.advance(DAY);
    await expungeRemoved({ store, clock, blobs });
  },
};

const same = ({ pairs: { old, own } }: MailboxScene): UnlockedKeys =>
  new UnlockedKeys([old, own], old.fingerprint, []);
const separate = ({ pairs: { old, own } }: MailboxScene): UnlockedKeys =>
  new UnlockedKeys([old, own], old.fingerprint, [], { mailbox: own.fingerprint });
const ownAlone = ({ pairs: { own } }: MailboxScene): UnlockedKeys =>
  new UnlockedKeys([own], undefined, [], { mailbox: own.fingerprint });

/** Mail in a segment of the index that lost most of its messages, mail that came while closed, and removed mail. */
export async function makeMailbox(place: Place, bodies: BlobPlace): Promise<void> {
  await using store = await openTestStore(place.database);
  await migrate(store);
  const names = ["old", "own"];
  for (const name of names) {
    const key = await ownKey("bob@beta.test", "compat");
    await writeFile(join(place.keyDir, name), key.secretBytes().reveal(), { mode: 0o600 });
  }
  const scene = await sceneAt(place, store, bodies);
  const mailbox = scene.openAs(same(scene));
  const going: MessageId[] = [];
  for (let at = 0; at < MANY; at += 1) {
    const name = at < KEPT ? `kept${String(at)}` : `going${String(at)}`;
    const id = await add(mailbox, name);
    if (at >= KEPT) going.push(id);
  }
  await mailbox.catchUp();
  await scene.blobs.remove(await deleteMessages(store, scene.account.id, going));
  assert.equal((await mailbox.addFolder("Boats")).kind, "added");
  for (const name of REMOVED) await mailbox.remove([await add(mailbox, name)]);
  for (const name of CLOSED) await add(scene.openAs(same(scene), false), name);
}

async function add(mailbox: Mailbox, name: string): Promise<MessageId> {
  const appended = await mailbox.append(summaryMail(name, { text: `${name}x tide` }));
  assert(appended.kind === "appended");
  return appended.id;
}

/** Opens what is in a place. */
export async function sceneAt(
  place: Place,
  store: Store,
  bodies: BlobPlace,
): Promise<MailboxScene> {
  const read = async (name: string): Promise<UnlockedKey> =>
    readSecretKey(new Secret(Uint8Array.from(await readFile(join(place.keyDir, name)))));
  const pairs = { old: await read("old"), own: await read("own") };
  const folder = join(place.keyDir, "bodies");
  const made = await embeddedMailbox(store, { bodies, bodiesFolder: folder });
  return { ...made, pairs, folder };
}

/** Each message is there once, whole and counted; after the event was done again its index is right and nothing is left over. */
export async function requireWholeMailbox(
  place: Place,
  event: string,
  bodies: BlobPlace,
): Promise<void> {
  await using store = await openTestStore(place.database);
  const scene = await sceneAt(place, store, bodies);
  await requireAll(scene, event);
  await MAILBOX_EVENTS[event]?.(scene);
  await requireAll(scene, event);
  const reader = event === "conversion" ? ownAlone(scene) : same(scene);
  const mailbox = scene.openAs(reader);
  await mailbox.catchUp();
  assert.equal(await countToIndex(store, scene.account.id), 0);
  await requireFound(mailbox, event);
  if (event === "conversion") await requireKey(store, scene.pairs.own.fingerprint);
  await scene.blobs.sweep();
  const blobs = await store.db.selectFrom("blobs").select("id").execute();
  const names = blobs.map(({ id }) => id).toSorted();
  const used = await store.db.selectFrom("mailbox_messages").select("blob").distinct().execute();
  assert.deepEqual(names, used.map(({ blob }) => blob).toSorted());
  assert.deepEqual(await filesIn(scene), bodies === "folder" ? names : []);
}

async function filesIn({ folder }: MailboxScene): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).toSorted();
}

async function requireAll(scene: MailboxScene, event: string): Promise<void> {
  const mailbox = scene.openAs(separate(scene));
  const shown = [...(await namesIn(mailbox, inbox)), ...(await namesIn(mailbox, archive))];
  const always = [...KEPT_NAMES, ...CLOSED];
  const others = shown.filter((name) => !always.includes(name));
  assert.deepEqual(shown.filter((name) => always.includes(name)).toSorted(), always.toSorted());
  assert(others.length <= (event === "append" ? 1 : 0), `twice: ${others.join()}`);
  for (const folder of [inbox, archive]) {
    for (const { id, summary } of (await mailbox.list(folder, { limit: 100 })).entries) {
      const read = await mailbox.read(id);
      assert(read.kind === "read");
      const name = summary?.subject ?? "";
      assert(Buffer.from(read.message).includes(name === "new" ? "new" : `${name}x tide`));
    }
  }
  await requireCounted(scene, mailbox);
  const folders = await mailbox.folders();
  const inFolders = folders.reduce((total, folder) => total + folder.messages, 0);
  assert.equal(inFolders, shown.length);
  assert(folders.some(({ name }) => name === "Boats"));
}

async function requireFound(mailbox: Mailbox, event: string): Promise<void> {
  for (const name of [...KEPT_NAMES, ...CLOSED]) {
    assert.deepEqual(await found(mailbox, `${name}x`), [name]);
  }
  assert.equal((await found(mailbox, "tide")).length, KEPT + CLOSED.length);
  if (event === "append") assert.deepEqual(await found(mailbox, "new"), ["new"]);
  if (event === "change of the index") {
    const marked = await found(mailbox, "marked");
    assert.deepEqual(marked.toSorted(), KEPT_NAMES);
  }
}

async function found(mailbox: Mailbox, anywhere: string): Promise<readonly string[]> {
  const page = await mailbox.search({ anywhere }, { limit: 100 });
  assert(page.kind === "found");
  return page.entries.map(({ summary }) => summary?.subject ?? "");
}

async function namesIn(mailbox: Mailbox, folder: typeof inbox): Promise<readonly string[]> {
  const { entries } = await mailbox.list(folder, { limit: 100 });
  return entries.map(({ summary }) => summary?.subject ?? "");
}

async function idsOf(
  mailbox: Mailbox,
  folder: typeof inbox,
  names: readonly string[],
): Promise<readonly MessageId[]> {
  const { entries } = await mailbox.list(folder, { limit: 100 });
  return entries.flatMap(({ id, summary }) => (names.includes(summary?.subject ?? "") ? id : []));
}

async function requireKey(store: Store, key: string): Promise<void> {
  for (const table of [
    "blobs",
    "mailbox_messages",
    "folders",
    "search_terms",
    "search_segments",
  ] as const) {
    const others = await store.db.selectFrom(table).select("key").where("key", "<>", key).execute();
    assert.deepEqual(others, [], table);
  }
}
