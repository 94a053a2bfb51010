/** A message from alice that waits for bob in a mailbox, and its opening: `before(makePeople)`. */
import assert from "node:assert/strict";
import { allMail, mailboxesWith, type AnyMail } from "./mailboxes.ts";

import { TooCostly } from "../../src/base/errors.ts";
import { after, DAY, fromUnixMs } from "../../src/base/time.ts";
import type { AuthorAnswer } from "../../src/discovery/author.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";
import { blobsIn, haveWaiting } from "./spool.ts";
import type { MessageId } from "../../src/mailbox/mailbox.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import type { Store } from "../../src/store/store.ts";
import { haveAccounts, idOf } from "./accounts.ts";
import { sealedRow } from "./sealed-rows.ts";
import { authorDeps, serves } from "./authors.ts";
import { openPending } from "../../src/incoming/pending.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { testOnBoth, type OpenStore } from "./engines.ts";
import { locked } from "../../src/incoming/verdicts.ts";

export async function makePeople(): Promise<void> {
  [alice, bob] = await Promise.all([newKey(ALICE), newKey(BOB)]);
}

export const onBoth = testOnBoth();

export const NOW = fromUnixMs(1_795_000_000_000);

export const ALICE = address("alice@alpha.test");

export const BOB = address("bob@beta.test");

export let alice: UnlockedKey;

export let bob: UnlockedKey;

export function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

export async function newKey(owner: EmailAddress): Promise<UnlockedKey> {
  const now = after(NOW, -30 * DAY);
  return readSecretKey((await generateKey({ address: owner, profile: "compat", now })).secretKey);
}

/** A store with one sealed message from alice that waits for bob. */
export async function withWaiting(
  openStore: OpenStore,
  change = (sealed: string): string => sealed,
) {
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
  const id = await haveWaiting(store, {
    account: idOf(BOB),
    ...(await sealedRow(body, [bob.certificate], NOW)),
    verdict: locked(NOW),
    receivedAt: NOW,
    sizeBytes: body.length,
    outerFrom: "alice@alpha.test",
  });
  return { store, id };
}

export type Moment = {
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
export async function opened(store: Store, moment: Moment): Promise<AnyMail> {
  const deps = {
    store,
    blobs: blobsIn(store),
    clock: { now: () => moment.at ?? NOW },
    mailboxOf: mailboxesWith({ now: () => moment.at ?? NOW }),
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
  const keys = moment.keys ?? new UnlockedKeys([bob], bob.fingerprint, []);
  await openPending(deps, idOf(BOB), keys);
  const own = keys.mailbox === undefined ? keys.all : [keys.mailbox];
  const [message, ...others] = await allMail(store, idOf(BOB), own);
  assert(message !== undefined && others.length === 0);
  return message;
}

export const found = () => serves(alice.certificate);
