import assert from "node:assert/strict";
import { before } from "node:test";
import { ProgramFault, TooCostly } from "../base/errors.ts";
import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../base/time.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import {
  cameProtected,
  listMessages,
  readMessage,
  recordVerdict,
  storeMessage,
} from "../mailbox/embedded.ts";
import type { MessageId, StoredSummary } from "../mailbox/mailbox.ts";
import { generateKey } from "../openpgp/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/secret-key.ts";
import { open } from "../pgpmime/open.ts";
import { seal } from "../pgpmime/seal.ts";
import { beginOpening, countStuck } from "../store/openings.ts";
import type { Store } from "../store/store.ts";
import { haveAccounts } from "../../test/support/accounts.ts";
import { authorDeps, serves, SILENT } from "../../test/support/authors.ts";
import { openPending, retryOpening } from "./pending.ts";
import { showMail } from "./reading.ts";
import { traceIncoming } from "./tracing.ts";
import { testOnBoth, type OpenStore } from "../../test/support/engines.ts";
import { damaged, locked } from "./verdicts.ts";

const onBoth = testOnBoth();
const NOW = fromUnixMs(1_795_000_000_000);
const ALICE = address("alice@alpha.test");
const BOB = address("bob@beta.test");
let alice: UnlockedKey;
let bob: UnlockedKey;

before(async () => {
  [alice, bob] = await Promise.all([newKey(ALICE), newKey(BOB)]);
});

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

async function newKey(owner: EmailAddress): Promise<UnlockedKey> {
  const now = after(NOW, -30 * DAY);
  return readSecretKey((await generateKey({ address: owner, profile: "compat", now })).secretKey);
}

/** A store with one sealed message from alice that waits for bob. */
async function withWaiting(openStore: OpenStore, change = (sealed: string): string => sealed) {
  const store = await openStore();
  const sealed = await seal({
    message: Buffer.from(
      "From: alice@alpha.test\r\nTo: bob@beta.test\r\nSubject: Lease\r\n" +
        "Message-ID: <1@alpha.test>\r\n" +
        `Date: ${NOW.toUTCString().replace("GMT", "+0000")}\r\n\r\nText.\r\n`,
    ),
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
  const body = Buffer.from(change(Buffer.from(sealed).toString("latin1")), "latin1");
  await haveAccounts(store, BOB);
  const id = await storeMessage(store, {
    account: BOB,
    body,
    form: "as-received-sealed",
    state: "pending",
    verdict: locked(NOW),
    receivedAt: NOW,
    sizeBytes: body.length,
    outerFrom: "alice@alpha.test",
  });
  return { store, id };
}

type Moment = {
  readonly answer: AuthorAnswer;
  readonly at?: Date;
  readonly keys?: UnlockedKeys;
  readonly isParked?: boolean;
  readonly fails?: boolean;
  readonly isCostly?: boolean;
  /** What the opening, or the judging after it, throws. */
  readonly fault?: Error;
  readonly judgingFault?: Error;
  readonly alone?: typeof open;
  readonly stuck?: string[];
};

/** Opens what waits, as at that moment, and gives the message as a list shows it. */
async function opened(store: Store, moment: Moment): Promise<StoredSummary> {
  const deps = {
    store,
    clock: { now: () => moment.at ?? NOW },
    open: async (request: Parameters<typeof open>[0]) => {
      if (moment.fails === true) throw new Error("the pool is busy");
      if (moment.isCostly === true) throw new TooCostly("too expensive");
      if (moment.fault !== undefined) throw moment.fault;
      return open(request);
    },
    ...(moment.alone === undefined ? {} : { openAlone: moment.alone }),
    stuck: (id: MessageId) => moment.stuck?.push(id),
    trace: traceIncoming(async () => Promise.resolve()),
    isReader: async () => Promise.resolve(true),
    ...authorDeps(moment.answer),
    ...(moment.judgingFault === undefined
      ? {}
      : { askAuthor: async () => Promise.reject(moment.judgingFault) }),
    isParked: async () => Promise.resolve(moment.isParked ?? false),
  };
  await openPending(deps, BOB, moment.keys ?? new UnlockedKeys([bob], bob.fingerprint, []));
  const [message, ...others] = await listMessages(store, BOB);
  assert(message !== undefined && others.length === 0);
  return message;
}

const found = () => serves(alice.certificate);

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
    assert.equal(first.verdict.check, "later");
    const second = await opened(store, { answer: found(), at: after(NOW, HOUR) });
    assert.equal(second.state, "done");
    assert.equal(second.verdict.state, "CONFIDENTIAL");
  },
);

onBoth(
  "three days after it was opened, without an answer, the signature stays unknown",
  async (openStore) => {
    const { store } = await withWaiting(openStore);
    await using _ = store;
    for (const days of [30, 31, 32.9]) {
      const waiting = await opened(store, { answer: SILENT, at: after(NOW, days * DAY) });
      assert.equal(waiting.verdict.check, "later");
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
    assert.equal(await cameProtected(store, BOB, ["<1@alpha.test>"]), true);
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
      clock: { now: () => NOW },
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
    await openPending(deps, BOB, new UnlockedKeys([bob], bob.fingerprint, []));
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
    const stored = await readMessage(store, BOB, id);
    assert(stored);
    assert.equal((await open({ message: stored.body, keys: [bob] })).kind, "no-key");
    const again = await open({ message: stored.body, keys: [own] });
    assert(again.kind === "opened");
    assert.equal(again.signatures.length, 1);
    assert.match(Buffer.from(again.payload).toString(), /Subject: /);
  },
);

onBoth(
  "a good message whose opening ended the process three times waits, and is opened alone and judged",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    for (const _crash of [1, 2, 3]) assert.equal(await beginOpening(store, BOB, id, NOW), "begun");
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
  },
);

onBoth(
  "where nothing is known of how its opening ended a message waits, twice as long each time",
  async (openStore) => {
    const { store, id } = await withWaiting(openStore);
    await using _ = store;
    for (const _crash of [1, 2, 3]) await beginOpening(store, BOB, id, NOW);
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
    for (const _crash of [1, 2, 3]) await beginOpening(store, BOB, id, NOW);
    const at = after(NOW, HOUR);
    const alone = async () => Promise.resolve(ended);
    const message = await opened(store, { answer: found(), at, alone });
    assert.equal(message.verdict.state, state);
    assert.equal(await retryOpening({ store, clock: { now: () => at } }, BOB, id), 1);
    const again = await opened(store, { answer: found(), at });
    assert.equal(again.verdict.state, "CONFIDENTIAL");
    assert.deepEqual(
      [again.verdict.evidence["form"], again.verdict.evidence["reason"]],
      [undefined, undefined],
    );
    assert.equal(await retryOpening({ store, clock: { now: () => at } }, BOB), 0);
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

onBoth("an opening that fails while the process lives does not count", async (openStore) => {
  const { store } = await withWaiting(openStore);
  await using _ = store;
  for (const _try of [1, 2, 3, 4]) {
    await assert.rejects(opened(store, { answer: SILENT, fails: true }), /busy/);
  }
  const message = await opened(store, { answer: found(), at: after(NOW, HOUR) });
  assert.equal(message.verdict.state, "CONFIDENTIAL");
});

onBoth("damaged mail is not opened again because its reader looks at it", async (openStore) => {
  const { store, id } = await withWaiting(openStore);
  await using _ = store;
  await recordVerdict(store, BOB, id, damaged(NOW, "opening it ended the process"));
  const deps = {
    store,
    clock: { now: () => NOW },
    open: async () => Promise.reject(new Error("opened again")),
    trace: traceIncoming(async () => Promise.resolve()),
    isReader: async () => Promise.resolve(true),
    ...authorDeps(found()),
    isParked: async () => Promise.resolve(false),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: new Uint8Array(32),
  };
  const keys = new UnlockedKeys([bob], bob.fingerprint, []);
  const shown = await showMail(deps, { account: BOB, id, keys });
  assert.equal(shown?.state, "DAMAGED");
  assert.deepEqual(shown.parts, []);
});
