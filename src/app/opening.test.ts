/** Whose turn it is to have mail opened. By order, not by time. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf, setLoginOnly } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { SILENT } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import {
  alice,
  depsFor,
  enrolAlice,
  old,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { mailboxesWith } from "../../test/support/mailboxes.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { blobsIn, haveWaiting } from "../../test/support/spool.ts";
import { AppError } from "../base/errors.ts";
import { after, MINUTE } from "../base/time.ts";
import { openPending } from "../incoming/pending.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import { locked } from "../incoming/verdicts.ts";
import { login } from "../login/login.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { open as openMessage } from "../pgpmime/pgpmime.ts";
import { seal } from "../pgpmime/seal.ts";
import { walkWaiting } from "../spool/waiting-list.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { readBinding } from "../vault/binding.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { unlockWithPassword, unlockWithService } from "../vault/vault.ts";
import { startEvents } from "./events.ts";
import { Opening, type OpeningDeps } from "./opening.ts";

const author = addressOf("bob@beta.test");
const andy = addressOf("andy@alpha.test");

/** What notes whose mail is opened. */
function depsOf(deps: Deps, order: string[], opened: (count: number) => void): OpeningDeps {
  const { store, clock } = deps;
  const silent = async () => Promise.resolve(SILENT);
  const { delivered } = traceIncoming(async () => Promise.resolve());
  return {
    events: startEvents("silent"),
    unlockWithService: async (account) => unlockWithService(deps, account),
    lookForAuthor: silent,
    pending: {
      store,
      blobs: blobsIn(store),
      clock,
      mailboxOf: mailboxesWith(clock),
      open: openMessage,
      stuck: (_id, reason) => assert.fail(reason),
      askAuthor: silent,
      askAuthorKey: async () => Promise.resolve({ kind: "unreachable", reason: "not asked" }),
      isReader: async () => Promise.resolve(true),
      isParked: async () => Promise.resolve(false),
      trace: {
        delivered,
        opened: async ({ reader }) => {
          order.push(reader.local);
          opened(order.length);
          return Promise.resolve();
        },
      },
    },
  };
}

function withOpen(wiring: OpeningDeps, open: OpeningDeps["pending"]["open"]): OpeningDeps {
  return { ...wiring, pending: { ...wiring.pending, open } };
}

async function sealedFor(deps: Deps, reader: EmailAddress, count: number, name = "first") {
  const row = await findPublished(deps.store, reader);
  assert(row);
  const now = deps.clock.now();
  const made = await generateKey({ address: author, profile: "compat", now: after(now, -MINUTE) });
  const recipients = [await certificateIn(row)];
  const body = await seal({
    message: Buffer.from(`From: bob@beta.test\r\nTo: ${reader.local}@alpha.test\r\n\r\nText.\r\n`),
    signer: await readSecretKey(made.secretKey),
    recipients,
    intended: [row.fingerprint],
    now,
  });
  const ids: MessageId[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = await haveWaiting(deps.store, {
      account: idOf(reader),
      ...(await sealedRow(body, recipients, now)),
      verdict: locked(now),
      receivedAt: now,
      sizeBytes: body.length,
      outerFrom: "bob@beta.test",
      envelopeId: `${name} ${String(at)}`,
    });
    ids.push(id);
  }
  return ids;
}

const BACKLOG = 30;

for (const { engine, open } of engines()) {
  test(`${engine}: mail of another account is opened after at most three of a long backlog`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await enrol(deps, {
      address: andy,
      custody: "provider-usable",
      password: old(),
      profile: "compat",
    });
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, BACKLOG);
    const [id] = await sealedFor(deps, andy, 1);
    assert(id);
    const order: string[] = [];
    const begun = Promise.withResolvers<undefined>();
    const done = Promise.withResolvers<undefined>();
    const wiring = depsOf(deps, order, (count) => {
      if (count === 3) begun.resolve(undefined);
      if (order.filter((one) => one === "alice").length === BACKLOG) done.resolve(undefined);
    });
    const opening = new Opening(wiring, 1);
    {
      using keys = await unlockWithPassword(deps, idOf(alice), old());
      assert(keys);
      const { generation = 0 } = (await readBinding(store, idOf(alice))) ?? {};
      const account = { id: idOf(alice), custody: "unlocks-at-login" } as never;
      opening.drain({ account, keys, generation });
    }
    await begun.promise;
    const before = order.length;
    opening.begin(idOf(andy), { id, author, receivedAt: deps.clock.now() });
    await done.promise;
    await opening.finish();
    const waited = order.indexOf("andy") - before;
    // What was open already, and one that was begun while the author's keyserver was asked.
    assert(waited >= 0 && waited <= 3, order.join(" "));
  });

  test(`${engine}: what came while a login had mail opened is opened after a second login`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 3);
    const order: string[] = [];
    const begun = Promise.withResolvers<undefined>();
    const done = Promise.withResolvers<undefined>();
    const opening = new Opening(
      depsOf(deps, order, (count) => {
        if (count === 1) begun.resolve(undefined);
        if (count === 5) done.resolve(undefined);
      }),
      1,
    );
    using keys = await unlockWithPassword(deps, idOf(alice), old());
    assert(keys);
    const { generation = 0 } = (await readBinding(store, idOf(alice))) ?? {};
    const account = { id: idOf(alice), custody: "unlocks-at-login" } as never;
    opening.drain({ account, keys, generation });
    await begun.promise;
    await sealedFor(deps, alice, 2, "later");
    opening.drain({ account, keys, generation });
    await done.promise;
    await opening.finish();
    assert.equal(order.length, 5);
  });

  test(`${engine}: keys that were withdrawn while they opened mail prepare no mailbox`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 1);
    const prepared: unknown[] = [];
    const catchingUp: OpeningDeps["catchingUp"] = {
      begin: (account, { keys, generation }) => {
        keys[Symbol.dispose]();
        prepared.push([account, generation]);
      },
      note: () => undefined,
    };
    const account = { id: idOf(alice), custody: "unlocks-at-login" } as never;
    const { generation = 0 } = (await readBinding(store, idOf(alice))) ?? {};
    for (const since of [generation - 1, generation]) {
      const failed = Promise.withResolvers<undefined>();
      const done = Promise.withResolvers<undefined>();
      const wiring = depsOf(deps, [], () => {
        done.resolve(undefined);
      });
      const events = {
        failed: () => {
          failed.resolve(undefined);
        },
      };
      const opening = new Opening({ ...wiring, catchingUp, events }, 1);
      using keys = await unlockWithPassword(deps, idOf(alice), old());
      assert(keys);
      opening.drain({ account, keys, generation: since });
      await (since === generation ? done.promise : failed.promise);
      await opening.finish();
    }
    assert.deepEqual(prepared, [[idOf(alice), generation]]);
  });

  test(`${engine}: the first login of a provisional account opens what still waits, as its provider no longer can`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps);
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 1);
    await setLoginOnly(deps, idOf(alice), old());
    const first = await login(deps, { address: alice, password: old(), network: "192.0.2.0/24" });
    assert(first.kind === "ok" && !first.isLocked);
    using _keys = first.keys;
    const order: string[] = [];
    const done = Promise.withResolvers<undefined>();
    const opening = new Opening(
      depsOf(deps, order, () => {
        done.resolve(undefined);
      }),
      1,
    );
    opening.drain(first);
    await done.promise;
    await opening.finish();
    assert.deepEqual(order, ["alice"]);
  });

  test(`${engine}: two backlogs take turns, and a server that stops opens no more of either`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    await enrol(deps, {
      address: andy,
      custody: "provider-usable",
      password: old(),
      profile: "compat",
    });
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, BACKLOG);
    await sealedFor(deps, andy, BACKLOG);
    const order: string[] = [];
    const enough = Promise.withResolvers<undefined>();
    const opening = new Opening(
      depsOf(deps, order, (count) => {
        if (count === 20) enough.resolve(undefined);
      }),
      1,
    );
    await opening.askAgain();
    await enough.promise;
    await opening.finish();
    assert(order.length <= 22, String(order.length));
    for (const one of ["alice", "andy"]) {
      const count = order.slice(0, 20).filter((other) => other === one).length;
      assert(count >= 8 && count <= 12, order.join(" "));
    }
  });

  test(`${engine}: neither a message nor an author that makes trouble keeps other mail of its reader waiting`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 6);
    const order: string[] = [];
    const done = Promise.withResolvers<undefined>();
    const wiring = depsOf(deps, order, (count) => {
      if (count === 6) done.resolve(undefined);
    });
    let opened = 0;
    const asked: string[] = [];
    const opening = new Opening(
      {
        ...withOpen(wiring, async (request) => {
          opened += 1;
          if (opened === 1) throw new AppError("not now", { temporary: true });
          return openMessage(request);
        }),
        lookForAuthor: async () => {
          asked.push("author");
          if (asked.length === 1) throw new TypeError("x is not a function");
          return Promise.resolve(SILENT);
        },
      },
      1,
    );
    await opening.askAgain();
    await done.promise;
    await opening.finish();
    // The first was opened by the second look of the same round, after all authors were asked about.
    assert.equal(opened, 7);
    assert.equal(asked.length, 6);
  });

  test(`${engine}: a round whose messages all make trouble ends soon, and nothing is lost`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 6);
    let tries = 0;
    const { pending } = withOpen(
      depsOf(deps, [], () => undefined),
      async () => {
        tries += 1;
        return Promise.reject(new AppError("full", { temporary: true }));
      },
    );
    using keys = await unlockWithService(deps, idOf(alice));
    assert(keys);
    await assert.rejects(openPending(pending, idOf(alice), keys), /full/);
    assert.equal(tries, 3);
    assert.equal((await Array.fromAsync(walkWaiting(store, idOf(alice)))).length, 6);
  });

  test(`${engine}: a round ends when the keys are gone between two messages`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    deps.clock.advance(MINUTE);
    await sealedFor(deps, alice, 3);
    const taken = Promise.withResolvers<undefined>();
    const wiring = depsOf(deps, [], () => undefined);
    const opening = new Opening(
      withOpen(wiring, async (request) => {
        const opened = await openMessage(request);
        await store.db.deleteFrom("slots").execute();
        taken.resolve(undefined);
        return opened;
      }),
      1,
    );
    await opening.askAgain();
    await taken.promise;
    await opening.finish();
    assert.equal((await Array.fromAsync(walkWaiting(store, idOf(alice)))).length >= 2, true);
  });
}
