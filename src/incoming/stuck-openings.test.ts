/** Openings that end the process, cost too much or fail: how often a message is tried, and when it is given up. */
import assert from "node:assert/strict";
import { before } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { authorDeps, SILENT } from "../../test/support/authors.ts";
import { mailboxesWith } from "../../test/support/mailboxes.ts";
import { blobsIn } from "../../test/support/spool.ts";
import {
  makePeople,
  onBoth,
  NOW,
  BOB,
  bob,
  withWaiting,
  opened,
  found,
} from "../../test/support/waiting-mail.ts";
import { TooCostly } from "../base/errors.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { beginOpening, countStuck } from "../store/spool/openings.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { retryOpening } from "./pending.ts";
import { showMail } from "./reading.ts";
import { traceIncoming } from "./tracing.ts";

before(makePeople);

onBoth(
  "a good message whose opening ended the process three times waits, and is opened alone and judged",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    for (const _crash of [1, 2, 3])
      assert.equal(await beginOpening(store, idOf(BOB), id, NOW), "begun");
    const early = await opened(store, { answer: found(), at: after(NOW, MINUTE) });
    assert.equal(early.verdict.state, "LOCKED");
    const stuck: string[] = [];
    const late = await opened(store, {
      answer: found(),
      at: after(NOW, HOUR),
      alone: open,
      stuck,
    });
    assert.equal(late.state, "done");
    assert.equal(late.verdict.state, "CONFIDENTIAL");
    assert.equal(stuck.length, 1);
    assert.deepEqual(await store.db.selectFrom("jobs").selectAll().execute(), []);
  },
);

onBoth(
  "where nothing is known of how its opening ended a message waits, twice as long each time",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    for (const _crash of [1, 2, 3]) await beginOpening(store, idOf(BOB), id, NOW);
    let tries = 0;
    const alone = async () => {
      tries += 1;
      return Promise.reject(new TooCostly("a busy machine"));
    };
    for (const [minutes, expected] of [
      [9, 0],
      [10, 1],
      [29, 1],
      [30, 2],
      [69, 2],
      [70, 3],
    ] as const) {
      const at = after(NOW, minutes * MINUTE);
      const message = await opened(store, { answer: found(), at, alone });
      assert.equal(tries, expected, `after ${String(minutes)} minutes`);
      assert.equal(message.verdict.state, "LOCKED");
    }
  },
);

for (const [what, ended, state] of [
  ["ends the process in which it is opened alone", { kind: "damaged", reason: "x" }, "DAMAGED"],
  ["has a form that is not read", { kind: "unsupported", form: "x" }, "UNDECRYPTABLE"],
] as const) {
  onBoth(`a message that ${what} is ${state}, until somebody retries`, async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    for (const _crash of [1, 2, 3]) await beginOpening(store, idOf(BOB), id, NOW);
    const at = after(NOW, HOUR);
    const alone = async () => Promise.resolve(ended);
    const message = await opened(store, { answer: found(), at, alone });
    assert.equal(message.verdict.state, state);
    assert.equal(
      await retryOpening(
        { store, clock: { now: () => at }, mailboxOf: mailboxesWith({ now: () => NOW }) },
        idOf(BOB),
        id,
      ),
      1,
    );
    const again = await opened(store, { answer: found(), at });
    assert.equal(again.verdict.state, "CONFIDENTIAL");
    assert.deepEqual(
      [again.verdict.evidence["form"], again.verdict.evidence["reason"]],
      [undefined, undefined],
    );
    assert.equal(
      await retryOpening(
        { store, clock: { now: () => at }, mailboxOf: mailboxesWith({ now: () => NOW }) },
        idOf(BOB),
      ),
      0,
    );
  });
}

onBoth(
  "a message that costs too much does not keep others from being opened",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    for (const _try of [1, 2, 3]) {
      const message = await opened(store, { answer: found(), isCostly: true });
      assert.equal(message.state, "pending");
    }
    assert.equal(await countStuck(store), 1);
  },
);

onBoth("an opening that fails while the process lives does not count", async (openStore) => {
  const { store } = await withWaiting(openStore);
  await using _ = store;
  for (const _try of [1, 2, 3, 4]) {
    await assert.rejects(opened(store, { answer: SILENT, fails: true }), /busy/);
  }
  const message = await opened(store, { answer: found(), at: after(NOW, HOUR) });
  assert.equal(message.verdict.state, "CONFIDENTIAL");
});

onBoth("a clock that is set back holds no opening", async (openStore) => {
  const { store, id } = await withWaiting(openStore);
  await using _ = store;
  for (const _crash of [1, 2, 3]) await beginOpening(store, idOf(BOB), id, NOW);
  assert.equal(await beginOpening(store, idOf(BOB), id, after(NOW, -HOUR)), "wait");
  assert.equal(await beginOpening(store, idOf(BOB), id, after(NOW, -30 * DAY)), "alone");
});

onBoth("damaged mail is not opened again because its reader looks at it", async (openStore) => {
  const { store, id } = await withWaiting(openStore);
  await using _ = store;
  const ended = async () => Promise.resolve({ kind: "damaged", reason: "it ended" } as const);
  for (const _crash of [1, 2, 3]) await beginOpening(store, idOf(BOB), id, NOW);
  const later = after(NOW, DAY);
  const message = await opened(store, { answer: found(), at: later, alone: ended });
  assert.equal(message.verdict.state, "DAMAGED");
  const deps = {
    store,
    blobs: blobsIn(store),
    clock: { now: () => NOW },
    mailboxOf: mailboxesWith({ now: () => NOW }),
    open: async () => Promise.reject(new Error("opened again")),
    trace: traceIncoming(async () => Promise.resolve()),
    isReader: async () => Promise.resolve(true),
    ...authorDeps(found()),
    isParked: async () => Promise.resolve(false),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: new Uint8Array(32),
  };
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const shown = await showMail(deps, { account: idOf(BOB), id, keys });
  assert.equal(shown?.state, "DAMAGED");
  assert.deepEqual(shown.parts, []);
});
