/** Mail that was stored under one key pair and comes under another on request: everything is there afterwards, once. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { summaryMail } from "../../../test/contract/mailbox-world.ts";
import {
  embeddedMailbox,
  requireCounted,
  type EmbeddedMailbox,
} from "../../../test/support/embedded-mailbox.ts";
import { engines } from "../../../test/support/engines.ts";
import { NOW, ownKey } from "../../../test/support/openpgp-messages.ts";
import { openTestStore } from "../../../test/support/tag-keys.ts";
import { fileOf } from "../../blobs/body-files.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { examine } from "../../pgpmime/examine.ts";
import { open as openSealed } from "../../pgpmime/pgpmime.ts";
import { seal } from "../../pgpmime/seal.ts";
import { migrate } from "../../store/engine/migrate.ts";
import { openServingStore } from "../../store/engine/serving-store.ts";
import type { BlobPlace } from "../../store/mail/blobs.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { holdMailbox } from "../../store/mailbox/mailboxes.ts";
import type { Store, StoreOptions } from "../../store/store.ts";
import { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import { standardFolder, type Mailbox, type MessageId, type NewMail } from "../mailbox.ts";
import { readBody } from "./bodies.ts";

const published = await ownKey("bob@beta.test", "compat");
const former = await ownKey("bob@beta.test", "compat");
const ofAlias = await ownKey("robert@beta.test", "compat");
const own = await ownKey("bob@beta.test", "compat");
const stranger = await ownKey("carol@gamma.test", "compat");
const all = [published, former, ofAlias, own];
const inbox = standardFolder("inbox");

const same = new UnlockedKeys(all, published.fingerprint, []);
const separate = new UnlockedKeys(all, published.fingerprint, [], { mailbox: own.fingerprint });
/** What opens with one pair opens without the others. */
const alone = (key: UnlockedKey): UnlockedKeys =>
  new UnlockedKeys([key], undefined, [], { mailbox: key.fingerprint });

/** Enough for a segment of the index. */
const MANY = 260;

async function sealedMail(subject: string, reader: UnlockedKey): Promise<NewMail> {
  const message = await seal({
    message: Buffer.from(`From: carol@gamma.test\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`),
    signer: stranger,
    recipients: [reader.certificate],
    intended: [],
    now: NOW,
  });
  const { found } = examine(message);
  assert(found.kind === "sealed");
  const content = { kind: "received", pieces: [message], ciphertext: found.ciphertext } as const;
  return { ...summaryMail(subject), content, sizeBytes: message.length };
}

async function add(mailbox: Mailbox, mail: NewMail): Promise<MessageId> {
  const appended = await mailbox.append(mail);
  assert(appended.kind === "appended");
  return appended.id;
}

const byText = (a = "", b = ""): number => (a < b ? -1 : 1);

async function subjectsIn(mailbox: Mailbox): Promise<readonly (string | undefined)[]> {
  const { entries } = await mailbox.list(inbox, { limit: 200 });
  return entries.map(({ summary }) => summary?.subject).toSorted(byText);
}

async function found(mailbox: Mailbox, anywhere: string): Promise<readonly unknown[]> {
  const page = await mailbox.search({ anywhere }, { limit: 200 });
  assert(page.kind === "found");
  return page.entries.map(({ summary }) => summary?.subject).toSorted(byText);
}

async function textIn(mailbox: Mailbox, id: MessageId): Promise<string> {
  const read = await mailbox.read(id);
  assert(read.kind === "read", read.kind);
  return Buffer.from(read.message).toString("latin1");
}

async function converted(mailbox: Mailbox, o?: Parameters<Mailbox["convert"]>[0]) {
  const conversion = await mailbox.convert(o);
  assert(conversion.kind === "converted");
  return conversion;
}

/** How the encrypted content ends, whoever can open it. */
function containerOf(message: string): string {
  const armor = /-----BEGIN PGP MESSAGE-----[^]*?\r\n\r\n([^]*?)\r\n(?:=[^\r]*\r\n)?-----END/;
  const binary = Buffer.from(armor.exec(message)?.[1] ?? "", "base64");
  assert(binary.length > 250);
  return binary.subarray(-150).toString("hex");
}

/** The key pairs that anything of the mailbox is under. */
async function keysIn(store: Store): Promise<ReadonlySet<string>> {
  const under = new Set<string>();
  for (const table of [
    "blobs",
    "mailbox_messages",
    "folders",
    "search_terms",
    "search_segments",
  ] as const) {
    const rows = await store.db.selectFrom(table).select("key").distinct().execute();
    for (const { key } of rows) under.add(key);
  }
  return under;
}

/** As in two processes: on SQLite each waits for locks in threads of its own. */
async function twoStores(
  options: StoreOptions,
): Promise<AsyncDisposable & { readonly both: readonly [Store, Store] }> {
  await using opening = new AsyncDisposableStack();
  const first = opening.use(await openTestStore(options));
  await migrate(first);
  const both = [
    opening.use(await openServingStore(options)),
    opening.use(await openServingStore(options)),
  ] as const;
  for (const one of both) one.tagKeys = first.tagKeys;
  const opened = opening.move();
  return { both, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
}

type World = EmbeddedMailbox & { readonly bodiesFolder: string };

for (const { engine, place } of engines()) {
  const testIn = (bodies: BlobPlace, what: string, work: (world: World) => Promise<void>): void => {
    test(`${engine}, bodies in the ${bodies}: ${what}`, async () => {
      await using store = await openTestStore(await place());
      await migrate(store);
      const bodiesFolder = await mkdtemp(join(tmpdir(), "sealpost-convert-"));
      try {
        await work({ ...(await embeddedMailbox(store, { bodies, bodiesFolder })), bodiesFolder });
      } finally {
        await rm(bodiesFolder, { recursive: true });
      }
    });
  };

  for (const bodies of ["database", "folder"] as const) {
    testIn(
      bodies,
      "old mail is readable after a switch, and under the new pair alone after a conversion",
      async (world) => {
        const { store, account } = world;
        const before = world.openAs(same);
        const clear = await add(before, summaryMail("clear", { text: "a ferry" }));
        const sealed = await add(before, await sealedMail("sealed", published));
        const toFormer = await add(before, await sealedMail("to a former key", former));
        const whileClosed = await add(
          world.openAs(same, false),
          summaryMail("closed", { text: "soup" }),
        );
        assert.equal((await before.addFolder("Boats")).kind, "added");
        await before.catchUp();
        assert.equal((await before.copy([clear], standardFolder("archive"))).kind, "done");
        const removed = await add(before, summaryMail("removed"));
        await before.remove([removed]);
        assert.equal((await before.setKeywords(clear, ["holiday"])).kind, "set");
        const texts = await Promise.all([clear, whileClosed].map(async (id) => textIn(before, id)));
        const received = await textIn(before, sealed);

        // The switch alone changes nothing of it.
        const after = world.openAs(separate);
        await add(after, summaryMail("after", { text: "a bridge" }));
        await add(after, await sealedMail("sealed after", published));
        await after.catchUp();
        const subjects = ["after", "clear", "closed", "sealed", "sealed after", "to a former key"];
        assert.deepEqual(await subjectsIn(after), subjects);
        assert.deepEqual(await found(after, "ferry"), ["clear", "clear"]);
        assert.deepEqual(await found(after, "bridge"), ["after"]);
        assert.equal(await textIn(after, sealed), received);
        const [row] = await selectById(store, account.id, [sealed]);
        assert.equal(row?.key, published.fingerprint);

        const steps: (readonly [number, number])[] = [];
        const progress = (done: number, total: number): void => void steps.push([done, total]);
        const { latest } = await after.figures();
        const { bodies: count, left, named } = await converted(after, { progress });
        // The copy shares its octets; of what came since, only what was sealed to the published key changes.
        assert.deepEqual([count, left, named], [6, 0, []]);
        assert.deepEqual(steps.at(-1), [7, 7]);
        assert.equal((await after.figures()).latest, latest);
        assert.deepEqual([...(await keysIn(store))], [own.fingerprint]);
        await requireCounted(world, after);

        const mailbox = world.openAs(alone(own));
        assert.deepEqual(await subjectsIn(mailbox), subjects);
        assert.deepEqual(await found(mailbox, "ferry"), ["clear", "clear"]);
        assert.deepEqual(await found(mailbox, "soup"), ["closed"]);
        assert.deepEqual(await found(mailbox, "holiday"), ["clear"]);
        assert((await mailbox.folders()).some(({ name }) => name === "Boats"));
        assert.deepEqual(await mailbox.restore([removed]), [removed]);
        assert.match(await textIn(mailbox, removed), /^From: /);
        const now = await Promise.all([clear, whileClosed].map(async (id) => textIn(mailbox, id)));
        assert.deepEqual(now, texts);
        for (const id of [sealed, toFormer]) {
          const message = Buffer.from(await textIn(mailbox, id), "latin1");
          assert.equal((await openSealed({ message, keys: [own] })).kind, "opened");
          assert.equal((await openSealed({ message, keys: [published, former] })).kind, "no-key");
        }
        assert.equal(containerOf(await textIn(mailbox, sealed)), containerOf(received));

        const again = await converted(world.openAs(separate));
        assert.deepEqual([again.bodies, again.left], [0, 0]);
      },
    );
  }

  testIn(
    "folder",
    "what cannot be converted is named and stays, and the rest goes on",
    async (world) => {
      const { store, account } = world;
      const before = world.openAs(same);
      await add(before, summaryMail("whole"));
      const strangers = await add(before, await sealedMail("another's", stranger));
      const damaged = await add(before, { ...(await sealedMail("damaged", published)) });
      const cut = await add(before, summaryMail("cut"));
      const missing = await add(before, summaryMail("missing"));
      const closed = await add(world.openAs(alone(stranger)), summaryMail("under a closed key"));
      const rows = await selectById(store, account.id, [damaged, cut, missing]);
      const blobOf = new Map(rows.map(({ id, blob }) => [id, blob]));
      await store.db
        .updateTable("mailbox_messages")
        .set({ state: "DAMAGED" })
        .where("id", "=", damaged)
        .execute();
      const size = await world.blobs.read(blobOf.get(cut) ?? "");
      assert(size);
      const broken = Buffer.alloc(size.length);
      await writeFile(fileOf(world.bodiesFolder, blobOf.get(cut) ?? ""), broken);
      await rm(fileOf(world.bodiesFolder, blobOf.get(missing) ?? ""));
      const stays = [strangers, damaged, cut, missing, closed];
      const rowsBefore = await selectById(store, account.id, stays);

      const { bodies, left, named } = await converted(world.openAs(separate));
      assert.deepEqual([bodies, left], [1, 5]);
      assert.deepEqual(
        new Map(named.map(({ id, because }) => [id, because])),
        new Map([
          [strangers, "closed"],
          [damaged, "unreadable"],
          [cut, "unreadable"],
          [missing, "missing"],
          [closed, "closed"],
        ]),
      );
      const rowsAfter = await selectById(store, account.id, stays);
      assert.deepEqual(
        rowsAfter.map(({ id, blob }) => [id, blob]),
        rowsBefore.map(({ id, blob }) => [id, blob]),
      );
      const mailbox = world.openAs(separate);
      assert.match(await textIn(mailbox, strangers), /BEGIN PGP MESSAGE/);
      await requireCounted(world, mailbox);
      assert.equal((await converted(mailbox)).left, 5);
    },
  );

  testIn(
    "database",
    "in one pair for all, mail to any published key stays as it was received",
    async (world) => {
      const byAddress = new Map([["robert@beta.test", ofAlias.fingerprint]]) as never;
      const reader = new UnlockedKeys(all, published.fingerprint, [], { byAddress });
      const old = world.openAs(new UnlockedKeys(all, former.fingerprint, [], { byAddress }));
      const [toAlias, toFormer] = [
        await add(old, await sealedMail("to the alias", ofAlias)),
        await add(old, await sealedMail("to the former key", former)),
      ];
      const received = await textIn(old, toAlias);
      const mailbox = world.openAs(reader);
      assert.deepEqual((await converted(mailbox)).bodies, 2);
      assert.equal(await textIn(mailbox, toAlias), received);
      const message = Buffer.from(await textIn(mailbox, toFormer), "latin1");
      assert.equal((await openSealed({ message, keys: [published] })).kind, "opened");
      assert.equal((await openSealed({ message, keys: [former] })).kind, "no-key");
    },
  );

  testIn(
    "database",
    "the index goes over as it is, and an interrupted conversion goes on",
    async (world) => {
      const { store } = world;
      const before = world.openAs(same);
      for (let at = 0; at < MANY; at += 1) {
        await add(before, summaryMail(String(at), { text: `tide number${String(at)}x` }));
      }
      await before.catchUp();
      const controller = new AbortController();
      const reader = world.openAs(separate);
      const first = await converted(reader, {
        signal: controller.signal,
        progress: (done) => {
          if (done === 100) controller.abort();
        },
      });
      assert.equal(first.bodies, 100);
      assert.deepEqual(await found(reader, "number259x"), ["259"]);
      assert.equal((await converted(reader)).bodies, MANY - 100);
      assert.deepEqual([...(await keysIn(store))], [own.fingerprint]);
      const mailbox = world.openAs(alone(own));
      assert.deepEqual(await found(mailbox, "number77x"), ["77"]);
      assert.equal((await found(mailbox, "tide")).length, 200);
      assert.equal(await mailbox.catchUp(), 0);
      const segments = await store.db.selectFrom("search_segments").select("messages").execute();
      assert.deepEqual(
        segments.map(({ messages }) => messages),
        [MANY],
      );
    },
  );

  test(`${engine}: whoever copies or reads a message while it is converted gets the one that is there`, async () => {
    await using stores = await twoStores(await place());
    const [store, otherStore] = stores.both;
    const world = await embeddedMailbox(store);
    const id = await add(world.openAs(same), summaryMail("clear"));
    const [row] = await selectById(store, world.account.id, [id]);
    assert(row);
    const other = (await embeddedMailbox(otherStore)).openAs(separate);
    const copying = await store.transaction(async (tx) => {
      await holdMailbox(tx, world.account.id);
      const begun = other.copy([id], standardFolder("archive"));
      // It has read what it copies by then, unless it waits as it should.
      await sleep(300);
      await converted((await embeddedMailbox(tx)).openAs(separate));
      return { begun };
    });
    assert.equal((await copying.begun).kind, "done");
    assert.notEqual((await selectById(store, world.account.id, [id]))[0]?.blob, row.blob);
    assert(await readBody(world, world.account.id, row));
    const mailbox = world.openAs(alone(own));
    const [copy] = (await mailbox.list(standardFolder("archive"), { limit: 9 })).entries;
    assert(copy);
    assert.match(await textIn(mailbox, copy.id), /^From: /);
  });

  test(`${engine}: two conversions and a reader at once lose nothing`, async () => {
    await using stores = await twoStores(await place());
    const [store, otherStore] = stores.both;
    const world = await embeddedMailbox(store);
    const other = await embeddedMailbox(otherStore);
    const before = world.openAs(same);
    const ids: MessageId[] = [];
    for (let at = 0; at < 30; at += 1) ids.push(await add(before, summaryMail(String(at))));
    await before.catchUp();
    const reader = world.openAs(separate);
    const reading = async (): Promise<void> => {
      for (const id of ids) {
        assert.equal((await reader.setKeywords(id, ["kept"])).kind, "set");
        assert.equal((await reader.copy([id], standardFolder("archive"))).kind, "done");
        assert.match(await textIn(reader, id), /^From: /);
      }
    };
    await Promise.all([
      converted(other.openAs(separate)),
      converted(world.openAs(separate)),
      reading(),
    ]);
    await converted(reader);
    await reader.catchUp();
    const mailbox = world.openAs(alone(own));
    assert.equal((await subjectsIn(mailbox)).length, 30);
    const archived = await mailbox.list(standardFolder("archive"), { limit: 200 });
    assert.equal(archived.entries.length, 30);
    for (const { id, summary } of archived.entries) {
      assert.deepEqual(summary?.keywords, ["kept"]);
      assert.match(await textIn(mailbox, id), /^From: /);
    }
    assert.equal((await found(mailbox, "kept")).length, 60);
    await requireCounted(world, mailbox);
    assert.deepEqual([...(await keysIn(store))], [own.fingerprint]);
  });
}
