import assert from "node:assert/strict";
import { before } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { serves, SILENT } from "../../test/support/authors.ts";
import { mailboxesWith, storedBody } from "../../test/support/mailboxes.ts";
import { blobsIn } from "../../test/support/spool.ts";
import {
  makePeople,
  onBoth,
  NOW,
  BOB,
  alice,
  bob,
  newKey,
  withWaiting,
  opened,
  found,
} from "../../test/support/waiting-mail.ts";
import { ProgramFault } from "../base/errors.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import { cameProtected } from "../mailbox/came-protected.ts";
import { receivedForm } from "../mailbox/embedded/stored-form.ts";
import { standardFolder } from "../mailbox/mailbox.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { isFinal } from "../store/mail/verdict.ts";
import { deleteMessages } from "../store/mailbox/message-changes.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { openPending } from "./pending.ts";
import { traceIncoming } from "./tracing.ts";
import { locked as lockedAt } from "./verdicts.ts";

before(makePeople);

onBoth("waiting mail is opened, judged and done", async (openStore) => {
  const { store } = await withWaiting(openStore);
  await using _ = store;
  const message = await opened(store, { answer: found() });
  assert.equal(message.state, "done");
  assert.equal(message.verdict.state, "CONFIDENTIAL");
});

onBoth(
  "while the author's keyserver cannot be asked the message waits, and is judged when it can",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    const first = await opened(store, { answer: SILENT });
    assert.equal(first.state, "pending");
    assert.equal(first.verdict.state, "ENCRYPTED_UNVERIFIED");
    assert(!isFinal(first.verdict));
    const second = await opened(store, { answer: found(), at: after(NOW, HOUR) });
    assert.equal(second.state, "done");
    assert.equal(second.verdict.state, "CONFIDENTIAL");
  },
);

onBoth(
  "an answer to sealed mail that waits to be judged again must be sealed",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    assert.equal((await opened(store, { answer: SILENT })).state, "pending");
    assert.equal(await cameProtected(store, idOf(BOB), ["<1@alpha.test>"]), true);
  },
);

onBoth(
  "mail that waits for a closed account goes on waiting, until it is opened again",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    const setState = async (state: string): Promise<void> => {
      await store.db.updateTable("accounts").set({ state }).execute();
    };
    await setState("closed");
    await assert.rejects(opened(store, { answer: found() }), AccountGone);
    await setState("open");
    const message = await opened(store, { answer: found() });
    assert.deepEqual([message.state, message.verdict.state], ["done", "CONFIDENTIAL"]);
  },
);

onBoth(
  "an answer to sealed mail is to be sealed, whatever its reader does with it",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    await store.db.updateTable("spool").set({ message_id: "<1@alpha.test>" }).execute();
    const keys = new UnlockedKeys([alice], alice.fingerprint, []);
    assert.equal((await opened(store, { answer: found(), keys })).verdict.state, "UNDECRYPTABLE");
    const isProtected = async () => cameProtected(store, idOf(BOB), ["<1@alpha.test>"]);
    assert(await isProtected());
    const mailbox = mailboxesWith({ now: () => NOW })(store, { id: idOf(BOB), address: BOB }, keys);
    assert.equal(await mailbox.waitAgain(lockedAt(NOW), id), 1);
    assert(await isProtected());
    assert.equal((await opened(store, { answer: found() })).verdict.state, "CONFIDENTIAL");
    const copied = await mailbox.copy([id], standardFolder("archive"));
    assert(copied.kind === "done");
    await mailbox.remove([id]);
    await deleteMessages(store, idOf(BOB), [id]);
    assert(await isProtected());
  },
);

onBoth(
  "a message that goes back to wait while it is asked for is known all the same",
  async (open) => {
    const { store, id } = await withWaiting(open);
    await using _ = store;
    await store.db.updateTable("spool").set({ message_id: "<1@alpha.test>" }).execute();
    const keys = new UnlockedKeys([alice], alice.fingerprint, []);
    assert.equal((await opened(store, { answer: found(), keys })).verdict.state, "UNDECRYPTABLE");
    const mailbox = mailboxesWith({ now: () => NOW })(store, { id: idOf(BOB), address: BOB }, keys);
    let again = 0;
    // What is asked of the mailbox is asked after the message left it, and what is asked of the spool before.
    const db = new Proxy(store.db, {
      get: (target, name) => {
        if (name !== "selectFrom") return Reflect.get(target, name) as unknown;
        return (table: "spool") => {
          const query = target.selectFrom(table);
          if ((table as string) !== "mailbox_messages") return query;
          return leaving(query);
        };
      },
    });
    const leaving = <Query extends object>(query: Query): Query =>
      new Proxy(query, {
        get: (target, name) => {
          const value = Reflect.get(target, name) as unknown;
          if (typeof value !== "function") return value;
          return (...given: readonly unknown[]) => {
            const call = () => Reflect.apply(value, target, given) as object;
            if (name !== "executeTakeFirst") return leaving(call());
            return (async () => {
              again += await mailbox.waitAgain(lockedAt(NOW), id);
              return call();
            })();
          };
        },
      });
    const watched = Object.create(store, { db: { value: db } }) as typeof store;
    assert.equal(await cameProtected(watched, idOf(BOB), ["<1@alpha.test>"]), true);
    assert.equal(again, 1);
  },
);

onBoth(
  "three days after it was opened, without an answer, the signature stays unknown",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    for (const days of [30, 31, 32.9]) {
      const waiting = await opened(store, { answer: SILENT, at: after(NOW, days * DAY) });
      assert(!isFinal(waiting.verdict));
    }
    const message = await opened(store, { answer: SILENT, at: after(NOW, 33 * DAY) });
    assert.equal(message.state, "done");
    assert.equal(message.verdict.signature, "unknown");
    assert.equal(message.verdict.state, "ENCRYPTED_UNVERIFIED");
  },
);

onBoth(
  "mail sealed to a key that is not in the account is undecryptable, and kept",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    const keys = new UnlockedKeys([alice], alice.fingerprint, []);
    const message = await opened(store, { answer: found(), keys });
    assert.equal(message.verdict.state, "UNDECRYPTABLE");
  },
);

onBoth(
  "an answer to what was sealed again under another name outside is known as one",
  async (openStore) => {
    const rename = (sealed: string): string => sealed.replace("<1@alpha.test>", "<2@evil.test>");
    const { store } = await withWaiting(openStore, rename);
    await using _ = store;
    await opened(store, { answer: found() });
    assert.equal(await cameProtected(store, idOf(BOB), ["<1@alpha.test>"]), true);
  },
);

for (const [what, change, expected] of [
  ["is asked from the keyserver of an author who stands inside", (text: string) => text, 1],
  [
    "is asked from nobody where the author stands outside alone",
    (text: string) => text.replace('hp="cipher"', 'hp="other"'),
    0,
  ],
] as const) {
  onBoth(`a former key ${what}`, async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    let asked = 0;
    const deps = {
      store,
      blobs: blobsIn(store),
      clock: { now: () => NOW },
      mailboxOf: mailboxesWith({ now: () => NOW }),
      open: async (request: Parameters<typeof open>[0]) => {
        const answer = await open(request);
        if (answer.kind !== "opened") return answer;
        const payload = Buffer.from(change(Buffer.from(answer.payload).toString("latin1")));
        return { ...answer, payload };
      },
      trace: traceIncoming(async () => Promise.resolve()),
      isReader: async () => Promise.resolve(true),
      isParked: async () => Promise.resolve(false),
      askAuthor: async () => Promise.resolve(serves(bob.certificate)),
      askAuthorKey: async () => {
        asked += 1;
        return Promise.resolve({ kind: "absent" as const });
      },
    };
    await openPending(deps, idOf(BOB), new UnlockedKeys([bob], bob.fingerprint, []));
    assert.equal(asked, expected);
  });
}

onBoth("altered mail is damaged, whatever its author publishes", async (openStore) => {
  const alter = (sealed: string): string => {
    const at = sealed.indexOf("-----END PGP") - 40;
    return sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
  };
  const { store } = await withWaiting(openStore, alter);
  await using _ = store;
  const message = await opened(store, { answer: found() });
  assert.equal(message.verdict.state, "DAMAGED");
  assert.equal(message.verdict.signature, "unknown");
});

onBoth(
  "mail to a key that a forgotten password locks waits for it, and opens then",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    const keys = new UnlockedKeys([alice], alice.fingerprint, []);
    const locked = await opened(store, { answer: found(), keys, isParked: true });
    assert.equal(locked.state, "pending");
    assert.equal(locked.verdict.state, "LOCKED_OLD");
    const late = await opened(store, { answer: found(), at: after(NOW, 30 * DAY) });
    assert.equal(late.state, "done");
    assert.equal(late.verdict.state, "CONFIDENTIAL");
  },
);

onBoth(
  "where the mailbox has a key pair of its own, what is stored opens with that one alone",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    const own = await newKey(BOB);
    const roles = { mailbox: own.fingerprint };
    const keys = new UnlockedKeys([bob, own], bob.fingerprint, [], roles);
    const message = await opened(store, { answer: found(), keys });
    assert.equal(message.verdict.state, "CONFIDENTIAL");
    const body = await storedBody(store, idOf(BOB), id);
    assert(body);
    assert.equal((await receivedForm({ body, keys: [bob] })).kind, "no-key");
    const received = await receivedForm({ body, keys: [own] });
    assert(received.kind === "received");
    assert.equal((await open({ message: received.message, keys: [bob] })).kind, "no-key");
    const again = await open({ message: received.message, keys: [own] });
    assert(again.kind === "opened");
    assert.equal(again.signatures.length, 1);
    assert.match(Buffer.from(again.payload).toString(), /Subject: /);
  },
);

for (const [where, fault] of [
  ["of the program in the worker", { fault: new ProgramFault("x is not a function") }],
  ["of the program in this process", { judgingFault: new TypeError("x is not a function") }],
] as const) {
  onBoth(
    `a fault ${where} leaves mail pending, told each time and ever more rarely, until a program without it comes`,
    async (openStore) => {
      const { store } = await withWaiting(openStore);
      await using _ = store;
      const stuck: string[] = [];
      const moment = { answer: found(), ...fault, stuck };
      // Alone it comes to the same: the fault is in that process too.
      const alone: typeof open = "fault" in fault ? async () => Promise.reject(fault.fault) : open;
      for (const [minutes, told] of [
        [0, 1],
        [0, 2],
        [0, 3],
        [9, 3],
        [10, 5],
        [29, 5],
        [30, 7],
      ] as const) {
        const at = after(NOW, minutes * MINUTE);
        const message = await opened(store, { ...moment, at, alone });
        assert.equal(message.state, "pending");
        assert.equal(message.verdict.state, "LOCKED");
        assert.equal(stuck.length, told, `after ${String(minutes)} minutes`);
      }
      const late = await opened(store, { answer: found(), at: after(NOW, DAY), alone: open });
      assert.equal(late.verdict.state, "CONFIDENTIAL");
    },
  );
}

onBoth(
  "mail that is opened again stays in its folder with its flags, or comes to the inbox where that folder is gone",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    const others = new UnlockedKeys([alice], alice.fingerprint, []);
    const own = new UnlockedKeys([bob], bob.fingerprint, []);
    const owner = { id: idOf(BOB), address: BOB };
    const mailbox = mailboxesWith({ now: () => NOW })(store, owner, own);
    const added = await mailbox.addFolder("Leases");
    assert(added.kind === "added");
    for (const isThere of [true, false]) {
      if (!isThere) {
        await store.db.updateTable("mailbox_messages").set({ state: "UNDECRYPTABLE" }).execute();
      } else await opened(store, { answer: found(), keys: others });
      if (isThere) await mailbox.move([id], added.id);
      await mailbox.flag([id], { set: ["seen", "flagged"] });
      assert.equal(await mailbox.waitAgain(lockedAt(NOW), id), 1);
      if (!isThere) assert.equal((await mailbox.removeFolder(added.id)).kind, "removed");
      assert.equal((await opened(store, { answer: found() })).verdict.state, "CONFIDENTIAL");
      const entry = await mailbox.entry(id);
      assert.deepEqual(
        [entry?.folder, entry?.flags],
        [isThere ? added.id : "inbox", ["seen", "flagged"]],
      );
    }
  },
);
