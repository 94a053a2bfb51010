/** A mailbox from arrival to what `mail show` prints, over a database of its own, with one author whose key is published. */
import assert from "node:assert/strict";
import { mailboxesWith } from "./mailboxes.ts";
import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import type { AuthorAnswer } from "../../src/discovery/author.ts";
import { listMail } from "../../src/incoming/list-page.ts";
import { showMail, type ReadingDeps, type ShownMail } from "../../src/incoming/reading.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import { parseAddress, sameAddress, type EmailAddress } from "../../src/mail/address.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openTestStore } from "./tag-keys.ts";
import { haveAccounts, idOf } from "./accounts.ts";
import { servesNothing, serves } from "./authors.ts";
import type { Account } from "../../src/words/account.ts";
import { blobsIn } from "./spool.ts";

export type ReadingWorld = AsyncDisposable & {
  /** Delivers to the reader, and gives what is shown then; undefined when the message was refused. */
  readonly arrive: (
    message: Uint8Array,
    o?: {
      /** As `mail show --open-part`. */
      readonly isPart?: boolean;
    },
  ) => Promise<ShownMail | undefined>;
};

/** `authors`: the authors whose domains confirm their keys. */
export async function openReadingWorld(o: {
  readonly reader: EmailAddress;
  readonly readersKey: UnlockedKey;
  readonly authors: ReadonlyMap<string, UnlockedKey>;
  readonly now: Date;
  /** What the domain of an author without a key says. */
  readonly otherwise?: AuthorAnswer;
  /** The reader's key is on their own device alone, so nothing is opened here. */
  readonly isForDevice?: boolean;
}): Promise<ReadingWorld> {
  const { reader, readersKey, now, isForDevice = false } = o;
  const custody = isForDevice ? "user-device-only" : "unlocks-at-login";
  const store = await openTestStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  await haveAccounts(store, reader);
  const wrapFor: DeliverDeps["wrapFor"] = async (_account, data) =>
    encryptAtRest({ data, recipients: [readersKey.certificate], now });
  const deps = {
    store,
    blobs: blobsIn(store),
    clock: { now: () => now },
    hostname: "mx.beta.test",
    isOurs: () => true,
    findAccount: async () =>
      Promise.resolve({ id: idOf(reader), address: reader, custody, createdAt: now } as Account),
    hasRoom: async () => Promise.resolve(true),
    wrapFor,
    mailboxOf: mailboxesWith({ now: () => now }, wrapFor),
    arrived: () => undefined,
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => {
      throw error;
    },
    askAuthor: async ({ local, domain }) => {
      const key = o.authors.get(`${local}@${domain}`);
      return Promise.resolve(
        key === undefined ? (o.otherwise ?? servesNothing()) : serves(key.certificate),
      );
    },
    askAuthorKey: async () => Promise.resolve({ kind: "absent" }),
    isReader: async (_account, addresses) =>
      Promise.resolve(addresses.some((address) => sameAddress(address, reader))),
    open,
    isParked: async () => Promise.resolve(false),
    unlockWithService: async () => Promise.resolve(undefined),
    statusKey: Buffer.alloc(32),
  } as DeliverDeps & ReadingDeps;
  const from = parseAddress("x@evil.test");
  const received = { protocol: "ESMTP", client: "c" };
  return {
    arrive: async (message, { isPart = false } = {}) => {
      const envelope = { from, recipients: [reader] };
      await deliver(deps, { envelope, message, received });
      const keys = isForDevice
        ? UnlockedKeys.none()
        : new UnlockedKeys([readersKey], readersKey.fingerprint, []);
      const { entries } = await listMail(deps, { account: idOf(reader), keys });
      const [listed] = entries;
      if (listed === undefined) return undefined;
      const shown = await showMail(deps, { account: idOf(reader), id: listed.id, keys, isPart });
      assert(shown !== undefined, "a message that is listed is not shown");
      if (!isPart) {
        assert.deepEqual([listed.from, listed.state], [shown.from, shown.state]);
        assert.deepEqual(listed.warnings, shown.warnings);
      }
      await store.db.deleteFrom("spool").execute();
      await store.db.deleteFrom("mailbox_messages").execute();
      return shown;
    },
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}
