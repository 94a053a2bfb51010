/** However much mail waits, all of it is reached: opened, listed, exported, retried and found by name. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before } from "node:test";

import { after, DAY } from "../../src/base/time.ts";
import { exportMailFor, type ExportDeps } from "../../src/incoming/export/export-mail.ts";
import { listMail, type ListPlace } from "../../src/incoming/list-page.ts";
import { openPending, retryOpening } from "../../src/incoming/pending.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { standardFolder } from "../../src/mailbox/mailbox.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { messageNamed } from "../../src/spool/named-message.ts";
import { countWaiting } from "../../src/spool/spool.ts";
import { walkWaiting } from "../../src/spool/waiting-list.ts";
import type { Store } from "../../src/store/store.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { Account } from "../../src/words/account.ts";
import { idOf } from "../support/accounts.ts";
import { SILENT } from "../support/authors.ts";
import { mailboxesWith } from "../support/mailboxes.ts";
import { haveManyWaiting } from "../support/many-waiting.ts";
import { recording } from "../support/recorded-queries.ts";
import { blobsIn } from "../support/spool.ts";
import { BOB, bob, found, makePeople, NOW, onBoth, withWaiting } from "../support/waiting-mail.ts";

before(makePeople);

/** More than were once read of what waits. */
const MANY = 10_050;

/** Their authors cannot be asked: each stays where it is. */
const LATER = { ...locked(NOW), state: "ENCRYPTED_UNVERIFIED", signature: "later" } as const;

async function haveMany(store: Store): Promise<readonly string[]> {
  const o = { count: MANY, from: after(NOW, -DAY), verdict: LATER, outerFrom: "carol@gamma.test" };
  return haveManyWaiting(store, idOf(BOB), o);
}

function readingDeps(store: Store): ExportDeps {
  const mailboxOf = mailboxesWith({ now: () => NOW });
  return {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    mailboxOf,
    open,
    hostname: "mx.beta.test",
    askAuthor: async ({ local }: { local: string }) =>
      Promise.resolve(local === "carol" ? SILENT : found()),
    askAuthorKey: async () => Promise.resolve({ kind: "absent" }),
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
    trace: traceIncoming(async () => Promise.resolve()),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: Buffer.alloc(32),
  } as unknown as ExportDeps;
}

onBoth("the last of very many messages is opened, tried again and named", async (openStore) => {
  const { store, id } = await withWaiting(openStore);
  await using _ = store;
  const many = await haveMany(store);
  const walked = await Array.fromAsync(walkWaiting(store, idOf(BOB)));
  assert.deepEqual(
    walked.map((one) => one.id as string),
    [...many, id],
  );
  const deps = readingDeps(store);
  const mailbox = deps.mailboxOf(store, { id: idOf(BOB), address: BOB });
  const last = many.at(-1);
  for (const name of [id, `<${String(MANY - 1)}@many.test>`]) {
    const named = await messageNamed(store, { mailbox, account: idOf(BOB) }, [name]);
    assert.deepEqual(named, { kind: "one", id: name === id ? id : last });
  }
  assert.equal(await retryOpening(deps, idOf(BOB)), 1);
  assert.equal(await retryOpening(deps, idOf(BOB), id), 1);
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const opened: string[] = [];
  const counting: typeof open = async (request) => {
    opened.push("one");
    return open(request);
  };
  await openPending({ ...deps, open: counting }, idOf(BOB), keys);
  assert.deepEqual(opened, ["one"]);
  assert.equal(await countWaiting(store, idOf(BOB)), MANY);
});

onBoth(
  "all of very many messages are listed, and a page reads no more than itself",
  async (openStore) => {
    const { store: made, id } = await withWaiting(openStore);
    await using _ = made;
    const many = await haveMany(made);
    const { store, queries } = recording(made);
    const deps = readingDeps(store);
    const listed: string[] = [];
    let place: ListPlace | undefined;
    do {
      const page = await listMail(deps, { account: idOf(BOB), after: place, limit: 200 });
      listed.push(...page.entries.map((one) => one.id));
      place = page.next;
    } while (place !== undefined);
    assert.deepEqual(listed, [...many, id].toReversed());
    const before = queries.length;
    const { entries } = await listMail(deps, { account: idOf(BOB), limit: 3 });
    assert.equal(entries.length, 3);
    const ofSpool = queries.slice(before).filter(({ query }) => query.sql.includes('from "spool"'));
    assert.deepEqual(
      ofSpool.map(({ query }) => query.parameters.at(-1)),
      [4],
    );
  },
);

onBoth("all of very many messages are exported", async (openStore) => {
  const { store } = await withWaiting(openStore);
  await using _ = store;
  await haveMany(store);
  const folder = await mkdtemp(join(tmpdir(), "sealpost-many-"));
  try {
    const keys = new UnlockedKeys([bob], bob.fingerprint, []);
    const reader = { account: { id: idOf(BOB), address: BOB } as Account, keys };
    const path = join(folder, "export");
    const wish = { format: "maildir", path, folder: undefined, progress: () => undefined } as const;
    const exported = await exportMailFor(readingDeps(store), reader, wish);
    assert(exported.kind === "exported");
    // Nobody opens the one body that they share.
    assert.deepEqual([exported.written, exported.closed.length], [1, MANY]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

onBoth("all of very many messages of a mailbox are tried again", async (openStore) => {
  const { store, id } = await withWaiting(openStore);
  await using _ = store;
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const deps = readingDeps(store);
  await openPending(deps, idOf(BOB), keys);
  const mailbox = deps.mailboxOf(store, { id: idOf(BOB), address: BOB }, keys);
  const ids = [id];
  while (ids.length < 1024) {
    const copied = await mailbox.copy(ids, standardFolder("archive"));
    assert(copied.kind === "done");
    ids.push(...copied.ids);
  }
  await store.db.updateTable("mailbox_messages").set({ state: "UNDECRYPTABLE" }).execute();
  assert.equal(await mailbox.waitAgain(locked(NOW)), ids.length);
});
