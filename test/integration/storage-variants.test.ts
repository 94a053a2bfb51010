/**
 * What becomes of sealed mail by the custody of its reader's keys and by whether the mailbox has a key pair of its own: delivered,
 * opened and read as a gateway does it. The names are those of the matrix of storage variants.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { findReader } from "../../src/accounts/accounts.ts";
import { wrapFor as wrapAtRest } from "../../src/app/at-rest.ts";
import { startEvents } from "../../src/app/events.ts";
import { Opening, type OpeningDeps } from "../../src/app/opening.ts";
import { deliver, type DeliverDeps } from "../../src/incoming/incoming.ts";
import type { PendingDeps } from "../../src/incoming/pending.ts";
import { listMail } from "../../src/incoming/list-page.ts";
import { showMail, type ReadingDeps } from "../../src/incoming/reading.ts";
import { traceIncoming } from "../../src/incoming/tracing.ts";
import { chooseMailboxKey } from "../../src/keys/mailbox-key.ts";
import { login } from "../../src/login/login.ts";
import { receivedForm } from "../../src/mailbox/embedded/stored-form.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { open as openSealed } from "../../src/pgpmime/pgpmime.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { walkWaiting } from "../../src/spool/waiting-list.ts";
import { findPublished } from "../../src/store/keys/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { unlockWithPassword, unlockWithService } from "../../src/vault/vault.ts";
import type { Custody, MailboxKey } from "../../src/words/account.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { addressOf } from "../support/address.ts";
import { blobsIn } from "../support/spool.ts";
import { authorDeps, serves } from "../support/authors.ts";
import { engines } from "../support/engines.ts";
import { alice as reader, depsFor, network, old, type Deps } from "../support/key-life.ts";
import { allMail, mailboxesWith, storedBody, type AnyMail } from "../support/mailboxes.ts";
import { ownKey } from "../support/openpgp-messages.ts";
import { came } from "../support/outcome.ts";

const FROM = addressOf("bob@beta.test");
const author = await ownKey("bob@beta.test", "compat");
const TEXT = "The lease ends in May.";

/** A row of the matrix, and what is to be seen of it. */
type Variant = {
  readonly row: string;
  readonly custody: Exclude<Custody, "user-device-only">;
  readonly mailboxKey: MailboxKey;
  /** Whether it is opened when it arrives, or at the next login. */
  readonly opens: "at arrival" | "at login";
  /** Whether what is stored in the end is what came, octet for octet, or for the mailbox's own key. */
  readonly stored: "as received" | "for the mailbox";
};

const VARIANTS: readonly Variant[] = [
  {
    row: "R56, locked, one pair",
    custody: "unlocks-at-login",
    mailboxKey: "same",
    opens: "at login",
    stored: "as received",
  },
  {
    row: "R56b, usable, one pair",
    custody: "provider-usable",
    mailboxKey: "same",
    opens: "at arrival",
    stored: "as received",
  },
  {
    row: "R57, usable, two pairs",
    custody: "provider-usable",
    mailboxKey: "separate",
    opens: "at arrival",
    stored: "for the mailbox",
  },
  {
    row: "R58, locked, two pairs",
    custody: "unlocks-at-login",
    mailboxKey: "separate",
    opens: "at login",
    stored: "for the mailbox",
  },
];

type World = {
  readonly deps: Deps;
  readonly wiring: OpeningDeps;
  /** When a message was opened for the first time. */
  readonly opened: Promise<void>;
  readonly delivery: (opening: Opening) => DeliverDeps;
};

/** The parts of a gateway, with one author whose key is published. */
function worldOn(store: Store): World {
  const deps = depsFor(store);
  const { clock } = deps;
  const wrapFor: DeliverDeps["wrapFor"] = async (account, data) =>
    wrapAtRest({ store, clock }, account, data);
  const mailboxOf = mailboxesWith(clock, wrapFor);
  const { promise: opened, resolve } = Promise.withResolvers<void>();
  const trace: PendingDeps["trace"] = {
    ...traceIncoming(async () => Promise.resolve()),
    opened: async () => {
      resolve();
      return Promise.resolve();
    },
  };
  const isReader = async () => Promise.resolve(true);
  const judging = { isReader, ...authorDeps(serves(author.certificate)) };
  const wiring: OpeningDeps = {
    events: startEvents("silent"),
    unlockWithService: async (account) => unlockWithService(deps, account),
    lookForAuthor: async () => Promise.resolve(serves(author.certificate)),
    pending: {
      store,
      blobs: blobsIn(store),
      clock,
      mailboxOf,
      open: openSealed,
      stuck: (_id, reason) => assert.fail(reason),
      isParked: async () => Promise.resolve(false),
      trace,
      ...judging,
    },
  };
  const delivery = (opening: Opening): DeliverDeps => ({
    store,
    blobs: blobsIn(store),
    clock,
    hostname: "mx.alpha.test",
    isOurs: () => true,
    findAccount: async (address) => findReader(store, address),
    hasRoom: async () => Promise.resolve(true),
    mailboxOf,
    wrapFor,
    arrived: (account, message) => {
      opening.begin(account.id, message);
    },
    trace,
    failed: (error) => {
      throw error;
    },
    ...judging,
  });
  return { deps, wiring, opened, delivery };
}

/** As another provider sends it. */
async function sealedMail({ store, clock }: Deps): Promise<Uint8Array> {
  const row = await findPublished(store, reader);
  assert(row);
  const now = clock.now();
  const date = now.toUTCString().replace("GMT", "+0000");
  return seal({
    message: Buffer.from(
      `From: bob@beta.test\r\nTo: alice@alpha.test\r\nSubject: Lease\r\nDate: ${date}\r\nMessage-ID: <1@beta.test>\r\n\r\n${TEXT}\r\n`,
    ),
    signer: author,
    recipients: [await certificateIn(row)],
    intended: [row.fingerprint],
    now,
  });
}

/** Where mail is now: what waits, and what is in the mailbox. */
async function placesOf({
  store,
}: Deps): Promise<{ readonly waits: number; readonly kept: number }> {
  const kept = await store.db.selectFrom("mailbox_messages").select("id").execute();
  return {
    waits: (await Array.fromAsync(walkWaiting(store, idOf(reader)))).length,
    kept: kept.length,
  };
}

async function onlyMail({ store }: Deps, keys: readonly UnlockedKey[]): Promise<AnyMail> {
  const [message, ...others] = await allMail(store, idOf(reader), keys);
  assert(message !== undefined && others.length === 0);
  return message;
}

/** The stored octets as they are with these keys alone: the received form, and what is in it. */
async function openedBy(deps: Deps, id: string, keys: readonly UnlockedKey[]) {
  const body = await storedBody(deps.store, idOf(reader), id);
  assert(body);
  assert(!Buffer.from(body).includes("Subject"), "no octet of a header is stored in clear");
  const received = await receivedForm({ body, keys });
  if (received.kind !== "received") return { received: undefined, opened: received.kind };
  const { message } = received;
  return { received: message, opened: (await openSealed({ message, keys })).kind };
}

/** How the encrypted content of a sealed message ends. */
function contentOf(message: Uint8Array): string {
  const protection = detectProtection(message);
  assert(protection.kind === "sealed");
  const armor = Buffer.from(protection.ciphertext).toString("latin1");
  const [, digits = ""] = /\r?\n\r?\n([^]*?)\r?\n(?:=|-----END)/.exec(armor) ?? [];
  const binary = Buffer.from(digits, "base64");
  assert(binary.length > 400);
  return binary.subarray(-300).toString("hex");
}

/** What came, the key that it is sealed to, and the one that mail is stored under. */
type Came = {
  readonly sealed: Uint8Array;
  readonly active: UnlockedKey;
  readonly mailbox: UnlockedKey;
};

/** What the matrix says of mail at rest once it is in the mailbox. */
async function requireStored(
  deps: Deps,
  { stored }: Variant,
  { sealed, active, mailbox }: Came,
): Promise<void> {
  const { id, form, verdict } = await onlyMail(deps, [mailbox]);
  assert.deepEqual(
    [form, verdict.state, verdict.signature, verdict.scan],
    ["sealed", "CONFIDENTIAL", "verified", "not-possible"],
  );
  const { received, opened } = await openedBy(deps, id, [mailbox]);
  assert(received);
  assert.equal(opened, "opened");
  assert.equal(contentOf(received), contentOf(sealed));
  if (stored === "as received") {
    assert.equal(mailbox, active);
    // Below the trace fields, nothing of what came is another.
    assert(Buffer.from(received).subarray(-sealed.length).equals(Buffer.from(sealed)));
    return;
  }
  assert.notEqual(mailbox, active);
  assert.equal((await openedBy(deps, id, [active])).opened, "no-key");
  // The ciphertext that came, which the published key opens, is kept nowhere.
  assert.equal((await openSealed({ message: received, keys: [active] })).kind, "no-key");
  assert.equal((await openSealed({ message: received, keys: [mailbox] })).kind, "opened");
}

async function choose(deps: Deps, mailboxKey: MailboxKey): Promise<void> {
  using masterKey = await openWithPassword(deps, idOf(reader), old());
  assert(masterKey);
  await came(chooseMailboxKey(deps, { profile: "compat" }, masterKey, mailboxKey), "chosen");
}

/** It arrives, and with it a repetition of the same transaction. */
async function arriveTwice({ wiring, delivery }: World, message: Uint8Array): Promise<void> {
  const opening = new Opening(wiring);
  const envelope = { from: FROM, recipients: [reader] };
  const received = { protocol: "ESMTP", client: "c.test ([192.0.2.1])" };
  for (let time = 0; time < 2; time += 1) {
    const [delivered] = await deliver(delivery(opening), { envelope, message, received });
    assert.equal(delivered?.kind, "stored");
  }
  await opening.finish();
}

/** It waits as it came, and what anybody could have read of it is under the key of the mailbox. */
async function requireHeld({ deps, wiring }: World, came: Came): Promise<void> {
  const { sealed, active, mailbox } = came;
  assert.deepEqual(await placesOf(deps), { waits: 1, kept: 0 });
  const { id, verdict } = await onlyMail(deps, []);
  assert.equal(verdict.state, "LOCKED");
  const { received, opened } = await openedBy(deps, id, [mailbox]);
  assert(received);
  assert(Buffer.from(received).subarray(-sealed.length).equals(Buffer.from(sealed)));
  assert.equal(opened, mailbox === active ? "opened" : "no-key");
  assert.equal((await openedBy(deps, id, [active, mailbox])).opened, "opened");
  const { entries } = await listMail(readingDeps(wiring), { account: idOf(reader) });
  const [entry] = entries;
  assert.equal(entry?.state, "LOCKED");
}

/** The login brings the keys. A second one finds nothing to do. */
async function logInTwice({ deps, wiring, opened }: World): Promise<void> {
  for (let time = 0; time < 2; time += 1) {
    const loggedIn = await login(deps, { address: reader, password: old(), network });
    assert(loggedIn.kind === "ok");
    using _keys = loggedIn.keys;
    const draining = new Opening(wiring);
    draining.drain(loggedIn);
    await opened;
    await draining.finish();
  }
}

/** Another choice of the pair changes nothing of what is there. */
async function requireKept({ deps, wiring }: World, id: string, other: MailboxKey): Promise<void> {
  const before = await storedBody(deps.store, idOf(reader), id);
  await choose(deps, other);
  using keys = await unlockWithPassword(deps, idOf(reader), old());
  assert(keys);
  assert.deepEqual(await storedBody(deps.store, idOf(reader), id), before);
  const { entries } = await listMail(readingDeps(wiring), { account: idOf(reader), keys });
  const [listed] = entries;
  assert.deepEqual([listed?.subject, listed?.state], ["Lease", "CONFIDENTIAL"]);
}

function readingDeps({ unlockWithService: unlock, pending }: OpeningDeps): ReadingDeps {
  return { ...pending, unlockWithService: unlock, statusKey: Buffer.alloc(32) };
}

for (const { engine, open } of engines()) {
  for (const variant of VARIANTS) {
    const { row, custody, mailboxKey, opens, stored } = variant;
    test(`${engine}: ${row}: opened ${opens}, stored ${stored}`, async () => {
      await using store = await open();
      const world = worldOn(store);
      const { deps, wiring } = world;
      await enrol(deps, { address: reader, custody, profile: "compat", password: old() });
      if (mailboxKey === "separate") await choose(deps, mailboxKey);
      using keys = await unlockWithPassword(deps, idOf(reader), old());
      const { active, mailbox } = keys ?? {};
      assert(keys && active && mailbox);
      assert.equal(active === mailbox, mailboxKey === "same");
      const came = { sealed: await sealedMail(deps), active, mailbox };

      await arriveTwice(world, came.sealed);
      if (opens === "at login") {
        await requireHeld(world, came);
        await logInTwice(world);
      }
      assert.deepEqual(await placesOf(deps), { waits: 0, kept: 1 });
      await requireStored(deps, variant, came);
      const { id } = await onlyMail(deps, [mailbox]);
      const asked = { account: idOf(reader), keys, id, isPart: false };
      const shown = await showMail(readingDeps(wiring), asked);
      assert(Buffer.from(shown?.message ?? []).includes(TEXT));
      assert.equal(shown?.state, "CONFIDENTIAL");
      await requireKept(world, id, mailboxKey === "same" ? "separate" : "same");
    });
  }
}
