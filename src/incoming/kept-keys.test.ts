import assert from "node:assert/strict";
import { before } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { DOWN, bob, http, key, setUp, start } from "../../test/support/discovery-world.ts";
import { testOnBoth, type OpenStore } from "../../test/support/engines.ts";
import { allMail, mailboxesWith } from "../../test/support/mailboxes.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { blobsIn, haveWaiting } from "../../test/support/spool.ts";
import { DAY, HOUR, MINUTE, after } from "../base/time.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { generateKey, LIFETIME_MS } from "../openpgp/keys/generate.ts";
import { revokeFresh } from "../openpgp/keys/revocation.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { seal } from "../pgpmime/seal.ts";
import { recordWaiting } from "../spool/spool.ts";
import { listAuthorKeys, saveAuthorKey } from "../store/discovery/author-keys.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { openPending } from "./pending.ts";
import { traceIncoming } from "./tracing.ts";
import { locked } from "./verdicts.ts";
import { servedKeys } from "./waiting.ts";

const onBoth = testOnBoth();

const SUPERSEDED = 1;
const COMPROMISED = 2;

let alice: UnlockedKey;
let former: UnlockedKey;
let current: UnlockedKey;
/** Expires a day after the start. */
let expiring: UnlockedKey;

before(async () => {
  const reader = parseAddress("alice@alpha.test");
  assert(reader !== undefined);
  [alice, former, current, expiring] = await Promise.all([
    newKey(reader),
    newKey(bob),
    newKey(bob),
    newKey(bob, after(start, DAY - LIFETIME_MS)),
  ]);
});

async function newKey(owner: EmailAddress, now = after(start, -30 * DAY)): Promise<UnlockedKey> {
  return readSecretKey((await generateKey({ address: owner, profile: "compat", now })).secretKey);
}

async function revoked(at: Date, reasonCode: 1 | 2): Promise<Certificate> {
  return revokeFresh({ key: former, reasonCode, text: "", now: at });
}

/** A message that bob signed with his former key waits for alice, whose key is locked; what the gateway does about it. */
async function waiting(openStore: OpenStore, signer = former) {
  const world = await setUp(signer.certificate, openStore);
  const { store, clock } = world;
  const reader = parseAddress("alice@alpha.test");
  assert(reader !== undefined);
  const body = await seal({
    message: Buffer.from(
      "From: bob@beta.test\r\nTo: alice@alpha.test\r\nSubject: Lease\r\n" +
        `Date: ${start.toUTCString().replace("GMT", "+0000")}\r\n\r\nText.\r\n`,
    ),
    signer,
    recipients: [alice.certificate],
    intended: [alice.fingerprint],
    now: start,
  });
  await haveAccounts(store, reader);
  await haveWaiting(store, {
    account: idOf(reader),
    ...(await sealedRow(body, [alice.certificate], start)),
    verdict: locked(start),
    receivedAt: start,
    sizeBytes: body.length,
    outerFrom: "bob@beta.test",
  });
  const deps = {
    store,
    blobs: blobsIn(store),
    clock,
    mailboxOf: mailboxesWith(clock),
    open,
    trace: traceIncoming(async () => Promise.resolve()),
    askAuthor: world.knownAuthor,
    askAuthorKey: world.knownAuthorKey,
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
  };
  const logIn = async () => {
    const asked = world.requests.length;
    await openPending(deps, idOf(reader), new UnlockedKeys([alice], alice.fingerprint, []));
    assert.equal(world.requests.length, asked, "nobody is asked because somebody reads");
    const [message] = await allMail(store, idOf(reader), [alice]);
    assert(message !== undefined);
    return `${message.verdict.state} ${message.verdict.signature}`;
  };
  /** As the gateway does at the arrival, and by the hour. */
  const lookForAuthor = async (author: EmailAddress) => {
    const answer = await world.lookForAuthor(author, start);
    const [message] = await allMail(store, idOf(reader));
    assert(message !== undefined);
    const named = servedKeys(author, answer);
    if (named === undefined || message.verdict.served !== undefined) return;
    await recordWaiting(store, idOf(reader), message.id, named);
  };
  return { ...world, lookForAuthor, logIn };
}

const GOOD = "CONFIDENTIAL verified";
const LATER = "ENCRYPTED_UNVERIFIED later";

onBoth(
  "a message of before its author's key was replaced is confidential for who logs in afterwards",
  async (openStore) => {
    const { world, clock, lookForAuthor, logIn } = await waiting(openStore);
    await lookForAuthor(bob);
    clock.advance(2 * DAY);
    world.get = async ({ path }) =>
      key(path.includes("search=0x") ? former.certificate : current.certificate);
    await lookForAuthor(bob);
    clock.advance(HOUR);
    assert.equal(await logIn(), GOOD);
  },
);

onBoth(
  "what is kept of an author is asked for again while their mail waits, and gone after a week without answer",
  async (openStore) => {
    const { world, clock, store, purge, lookForAuthor, logIn } = await waiting(openStore);
    await lookForAuthor(bob);
    world.get = async ({ path }) =>
      key(path.includes("search=0x") ? former.certificate : current.certificate);
    for (let day = 0; day < 20; day += 1) {
      clock.advance(DAY);
      await lookForAuthor(bob);
      await purge();
    }
    assert.equal((await listAuthorKeys(store, bob, clock.now())).length, 1);
    world.get = async () => DOWN;
    clock.advance(7 * DAY - MINUTE);
    assert.equal((await listAuthorKeys(store, bob, clock.now())).length, 1);
    clock.advance(MINUTE);
    assert.equal((await listAuthorKeys(store, bob, clock.now())).length, 0);
    await purge();
    for (const table of ["author_keys", "author_answers"] as const) {
      assert.equal((await store.db.selectFrom(table).selectAll().execute()).length, 0);
    }
    assert.notEqual(await logIn(), GOOD);
  },
);

onBoth(
  "a key replaced between sealing and arrival is asked for by the hour, and the next login judges again",
  async (openStore) => {
    const { world, clock, requests, lookForAuthor, logIn } = await waiting(openStore);
    world.get = async () => key(current.certificate);
    await lookForAuthor(bob);
    assert.equal(await logIn(), LATER);
    const certificate = await revoked(after(start, MINUTE), SUPERSEDED);
    world.get = async ({ path }) =>
      key(path.includes("search=0x") ? certificate : current.certificate);
    clock.advance(HOUR);
    await lookForAuthor(bob);
    assert.match(requests.at(-1)?.path ?? "", /search=0x/);
    assert.equal(await logIn(), GOOD);
  },
);

onBoth(
  "so is it for who logs in days later, and no longer than three days without an answer",
  async (openStore) => {
    for (const isAnswered of [true, false]) {
      const { world, clock, requests, lookForAuthor, logIn } = await waiting(openStore);
      world.get = async ({ path }) =>
        path.includes("search=0x") ? DOWN : key(current.certificate);
      await lookForAuthor(bob);
      clock.advance(5 * DAY);
      assert.equal(await logIn(), LATER);
      const certificate = await revoked(after(start, MINUTE), SUPERSEDED);
      if (isAnswered) world.get = async () => key(certificate);
      clock.advance(HOUR);
      await lookForAuthor(bob);
      assert.match(requests.at(-1)?.path ?? "", /search=0x/);
      assert.equal(await logIn(), isAnswered ? GOOD : LATER);
      clock.advance(3 * DAY);
      assert.equal(await logIn(), isAnswered ? GOOD : "ENCRYPTED_UNVERIFIED unknown");
    }
  },
);

onBoth(
  "a key that nobody knows stays unknown once its keyserver has said so",
  async (openStore) => {
    const { world, clock, lookForAuthor, logIn } = await waiting(openStore);
    world.get = async () => http(404);
    await lookForAuthor(bob);
    assert.equal(await logIn(), LATER);
    clock.advance(HOUR);
    await lookForAuthor(bob);
    assert.equal(await logIn(), "ENCRYPTED_UNVERIFIED unknown");
  },
);

onBoth(
  "a keyserver that forbids storing leaves what a waiting message needs",
  async (openStore) => {
    const { world, clock, lookForAuthor, logIn } = await waiting(openStore);
    const answer = key(former.certificate);
    assert(answer.kind === "response");
    world.get = async () => ({ ...answer, headers: new Map([["cache-control", "no-store"]]) });
    await lookForAuthor(bob);
    clock.advance(2 * HOUR);
    assert.equal(await logIn(), GOOD);
  },
);

for (const [what, reason, expected] of [
  ["retired after signing, without a new one, is", SUPERSEDED, GOOD],
  ["compromised, whenever, is not", COMPROMISED, "ENCRYPTED_UNVERIFIED invalid"],
] as const) {
  onBoth(`mail signed with a key that was ${what} confidential`, async (openStore) => {
    const { world, clock, lookForAuthor, logIn } = await waiting(openStore);
    await lookForAuthor(bob);
    clock.advance(2 * DAY);
    const certificate = await revoked(clock.now(), reason);
    world.get = async ({ path }) => (path.includes("search=0x") ? key(certificate) : http(404));
    await lookForAuthor(bob);
    assert.equal(await logIn(), expected);
  });
}

onBoth(
  "a key that has expired by the time its reader logs in was good when it signed",
  async (openStore) => {
    const { clock, lookForAuthor, logIn } = await waiting(openStore, expiring);
    await lookForAuthor(bob);
    clock.advance(2 * DAY);
    assert.equal(await logIn(), GOOD);
  },
);

onBoth("whoever gets an address later did not write what came before", async (openStore) => {
  const { world, clock, lookForAuthor, logIn } = await waiting(openStore);
  world.get = async ({ path }) =>
    path.includes("search=0x") ? http(404) : key(current.certificate);
  await lookForAuthor(bob);
  clock.advance(3 * DAY);
  // The address is now the signer's.
  world.get = async ({ path }) =>
    path.includes(current.fingerprint) ? http(404) : key(former.certificate);
  await lookForAuthor(bob);
  clock.advance(HOUR);
  await lookForAuthor(bob);
  assert.notEqual(await logIn(), GOOD);
  clock.advance(HOUR);
  await lookForAuthor(bob);
  assert.equal(await logIn(), "ENCRYPTED_UNVERIFIED unknown");
});

onBoth("junk signatures do not make a known key of their author forgotten", async (openStore) => {
  const { world, clock, store, lookForAuthor, logIn } = await waiting(openStore);
  await lookForAuthor(bob);
  clock.advance(2 * DAY);
  const certificate = await revoked(clock.now(), SUPERSEDED);
  world.get = async ({ path }) =>
    key(path.includes("search=0x") ? certificate : current.certificate);
  await lookForAuthor(bob);
  for (let junk = 0; junk < 60; junk += 1) {
    const fingerprint = parseFingerprint(junk.toString(16).toUpperCase().padStart(40, "A"));
    assert(fingerprint !== undefined);
    const nothing = { certificate: new Uint8Array(), at: after(clock.now(), -junk) };
    await saveAuthorKey(store, { author: bob, fingerprint, state: "absent", ...nothing });
  }
  assert.equal(await logIn(), GOOD);
});
