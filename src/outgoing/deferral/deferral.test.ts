/** What becomes of a message whose recipients are not certain, from the submission to its end. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import {
  ben,
  bob,
  CANARY,
  deferralWorld,
  MESSAGE,
  type Known,
} from "../../../test/support/deferral-world.ts";
import { engines } from "../../../test/support/engines.ts";
import { alice, withAlice } from "../../../test/support/key-life.ts";
import { lootFrom } from "../../../test/support/loot.ts";
import { came } from "../../../test/support/outcome.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../base/time.ts";
import { eraseByLaw } from "../../keys/end-account.ts";
import { revokeKey } from "../../keys/revoke.ts";
import { rotateKey } from "../../keys/rotate.ts";
import { formatAddress } from "../../mail/address.ts";
import { fieldsNamed, parseHeader } from "../../mail/header.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { verifySignature } from "../../openpgp/messages/verify.ts";
import { open as openMessage } from "../../pgpmime/pgpmime.ts";
import { insertJob } from "../../store/jobs/jobs.ts";
import { findPublished } from "../../store/keys/certificates.ts";
import { openWithService } from "../../vault/master-key.ts";
import { certificateIn } from "../../vault/published-certificate.ts";
import type { Copy } from "../copy.ts";

function textOf(copy: Copy | undefined): string {
  return Buffer.from(copy?.message ?? []).toString("latin1");
}

function recipientsOf(copy: Copy | undefined): readonly string[] {
  return copy?.envelope.recipients.map(formatAddress) ?? [];
}

/** What a reader finds in a copy, with the keys that the signature names as its readers. */
async function opens(copy: Copy | undefined, reader: UnlockedKey) {
  const found = await openMessage({ message: copy?.message ?? new Uint8Array(), keys: [reader] });
  assert(found.kind === "opened");
  return { ...found, text: Buffer.from(found.payload).toString() };
}

function bccOf(payload: Uint8Array): readonly string[] {
  return fieldsNamed(parseHeader(payload).header, "Bcc").map(({ raw }) =>
    Buffer.from(raw).toString().trim(),
  );
}

for (const { engine, open } of engines()) {
  test(`${engine}: a message for somebody whose state is not certain is accepted, and nothing leaves`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const reply = await world.send(MESSAGE, ["bob@beta.test"]);
    assert.match(reply, /^250 2\.0\.0 queued as t \(e2e: waits, nothing sent yet: <bob@beta.test>/);
    await world.pass(3 * HOUR);
    assert.equal(world.relayed.length, 0);
    const [waiting] = await world.waiting();
    assert(waiting);
    assert.equal(waiting.reason, "UNSURE-DNS");
    assert.equal(formatAddress(waiting.because), "bob@beta.test");
    assert(world.traced.includes("deferred") && world.traced.includes("retry"));
  });

  test(`${engine}: while a message waits nothing of it is readable without the queue key`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    const { values } = await lootFrom(store);
    const all = Buffer.concat(values).toString("latin1");
    for (const form of [CANARY, Buffer.from(CANARY).toString("base64").slice(0, 12)]) {
      assert(!all.includes(form));
    }
  });

  test(`${engine}: it is tried after 1, 5, 15, 30 and 60 minutes, then hourly; a notice after 4 hours, a bounce after 24`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const start = world.clock.now();
    await world.send(MESSAGE, ["bob@beta.test"]);
    world.asked.length = 0;
    await world.pass(26 * HOUR);
    const minutes = world.asked.map((at) => (at.getTime() - start.getTime()) / MINUTE);
    assert.deepEqual(minutes.slice(0, 7), [1, 6, 21, 51, 111, 171, 231]);
    assert(minutes.slice(4).every((at, index) => at === 111 + 60 * index));
    assert.equal(minutes.at(-1), 24 * 60 + 51 - 60 + 60);
    const [notice, bounce, ...more] = world.relayed;
    assert.equal(more.length, 0);
    for (const [copy, action] of [
      [notice, "delayed"],
      [bounce, "failed"],
    ] as const) {
      assert(copy);
      assert.equal(copy.envelope.from, undefined);
      assert.deepEqual(recipientsOf(copy), ["alice@alpha.test"]);
      assert.match(textOf(copy), new RegExp(`^Action: ${action}\r$`, "m"));
      assert.match(textOf(copy), /<bob@beta\.test>/);
      assert(!textOf(copy).includes(CANARY));
    }
    assert.equal(await world.left(), 0);
  });

  test(`${engine}: once all recipients are certain it leaves sealed, for each group of readers by itself`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const world = await deferralWorld(store, { deps });
    world.known.set("ben@beta.test", "found");
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    await world.pass(2 * MINUTE);
    assert.equal(world.relayed.length, 0, "all or nothing");
    world.known.set("bob@beta.test", "found");
    await world.pass(HOUR);
    const [main, blind, ...more] = world.relayed;
    assert.equal(more.length, 0);
    assert(main && blind);
    assert.deepEqual(recipientsOf(main), ["bob@beta.test"]);
    assert.deepEqual(recipientsOf(blind), ["ben@beta.test"]);
    assert(!textOf(main).includes(CANARY) && !textOf(blind).includes(CANARY));
    assert(!textOf(main).includes("ben@beta.test"));
    const named = await opens(main, bob);
    assert(named.text.includes(CANARY) && !named.text.includes("ben@beta.test"));
    assert.equal((await openMessage({ message: main.message, keys: [ben] })).kind, "no-key");
    const hidden = await opens(blind, ben);
    assert.deepEqual(bccOf(hidden.payload), ["Bcc: ben@beta.test"]);
    assert.deepEqual(bccOf(named.payload), []);
    const { certificate } = await keyOfAlice(world);
    for (const { payload, signatures } of [named, hidden]) {
      const [signature] = signatures;
      assert(signature);
      assert.deepEqual(signature.intended, []);
      const verified = await verifySignature({ data: payload, signature, certificate });
      assert.equal(verified.kind, "valid");
    }
    assert.equal(await world.left(), 0);
  });

  test(`${engine}: once somebody certainly has no key the policy decides, with the message as it was written`, async () => {
    const ends = [
      ["prefer-clear", /^Subject: CANARY-5e17 in the subject\r$/m, "bob@beta.test"],
      ["prefer-pickup", /^Status: 5\.7\.5\r$/m, "alice@alpha.test"],
    ] as const;
    for (const [policy, expected, recipient] of ends) {
      await using store = await open();
      const world = await deferralWorld(store, { policy });
      await world.send(MESSAGE, ["bob@beta.test"]);
      world.known.set("bob@beta.test", "absent");
      await world.pass(2 * MINUTE);
      const [copy, ...more] = world.relayed;
      assert.equal(more.length, 0);
      assert.deepEqual(recipientsOf(copy), [recipient]);
      assert.match(textOf(copy), expected);
      assert.equal(await world.left(), 0);
    }
  });

  test(`${engine}: whatever order answers come in, nothing leaves in clear while one of them is not certain`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    const steps: readonly (readonly [Known, Known])[] = [
      ["absent", "unsure"],
      ["unsure", "absent"],
      ["found", "unsure"],
      ["unsure", "found"],
    ];
    for (const [first, second] of steps) {
      world.known.set("bob@beta.test", first).set("ben@beta.test", second);
      await world.pass(90 * MINUTE);
      assert.deepEqual(
        world.relayed.filter((copy) => textOf(copy).includes(CANARY)),
        [],
      );
    }
    world.known.set("bob@beta.test", "found").set("ben@beta.test", "found");
    await world.pass(HOUR);
    assert(world.relayed.every((copy) => !textOf(copy).includes(CANARY)));
    assert((await opens(world.relayed.at(-1), ben)).text.includes(CANARY));
  });

  test(`${engine}: a policy that became stricter holds, one that became more lenient does not`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test"]);
    world.known.set("bob@beta.test", "absent");
    world.setPolicy("require");
    await world.pass(2 * MINUTE);
    assert.deepEqual(world.relayed.map(recipientsOf), [["alice@alpha.test"]]);
    assert(!textOf(world.relayed[0]).includes(CANARY));

    world.setPolicy("prefer-clear");
    world.known.set("bob@beta.test", "unsure");
    world.relayed.length = 0;
    await world.send(MESSAGE, ["bob@beta.test"]);
    world.setPolicy("off");
    await world.pass(2 * MINUTE);
    assert.equal(world.relayed.length, 0);
    world.known.set("bob@beta.test", "found");
    await world.pass(HOUR);
    assert((await opens(world.relayed[0], bob)).text.includes(CANARY));
  });

  test(`${engine}: what asked for encryption by itself never leaves in clear`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const wish = MESSAGE.replace("Subject:", "X-Sealpost-Require: yes\nSubject:");
    assert.match(await world.send(wish, ["bob@beta.test"]), /^250 .*waits/);
    world.known.set("bob@beta.test", "absent");
    await world.pass(2 * MINUTE);
    assert.deepEqual(world.relayed.map(recipientsOf), [["alice@alpha.test"]]);
    assert.match(textOf(world.relayed[0]), /X-Sealpost-Require/);
    assert(!textOf(world.relayed[0]).includes(CANARY));
  });

  test(`${engine}: under require nothing is kept: the client tries again`, async () => {
    await using store = await open();
    const world = await deferralWorld(store, { policy: "require" });
    assert.match(await world.send(MESSAGE, ["bob@beta.test"]), /^450 4\.7\.5 /);
    assert.equal(await world.left(), 0);
  });

  test(`${engine}: a key that was replaced is still good for days, one that was revoked is not`, async () => {
    for (const [how, isSent] of [
      ["superseded", true],
      ["compromised", false],
      ["retired", false],
    ] as const) {
      await using store = await open();
      const world = await deferralWorld(store);
      await world.send(MESSAGE, ["bob@beta.test"]);
      world.clock.advance(10 * SECOND);
      {
        using masterKey = await openWithService(world.deps, idOf(alice));
        assert(masterKey);
        const wish = { address: alice, text: "" };
        if (how === "superseded") {
          const { keyRules } = world.deps;
          await came(
            rotateKey(world.deps, keyRules, masterKey, { ...wish, reason: how }),
            "rotated",
          );
        } else {
          const owner = idOf(alice);
          await came(revokeKey(world.deps, { ...wish, reason: how, owner, masterKey }), "revoked");
        }
      }
      world.known.set("bob@beta.test", "found");
      await world.pass(2 * MINUTE);
      const [copy, ...more] = world.relayed;
      assert.equal(more.length, 0);
      if (isSent) assert((await opens(copy, bob)).text.includes(CANARY));
      else assert.match(textOf(copy), /the key that signed your message has ended/);
      assert.equal(await world.left(), 0);
    }
  });

  test(`${engine}: a clock that jumps forward bounces nothing at its first try`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test"]);
    world.clock.advance(30 * DAY);
    await world.tick();
    assert.equal(world.relayed.length, 0);
    world.clock.advance(-30 * DAY);
    world.known.set("bob@beta.test", "found");
    await world.pass(2 * MINUTE);
    assert((await opens(world.relayed[0], bob)).text.includes(CANARY));
  });

  test(`${engine}: the sender's own copy says that the message waits, and later what became of it`, async () => {
    const ends = [
      ["found", "sealed", "sealed"],
      ["absent", "clear", "clear"],
      ["unsure", "not-sent", "refused"],
    ] as const;
    for (const [known, how, got] of ends) {
      await using store = await open();
      const world = await deferralWorld(store);
      world.known.set("ben@beta.test", known);
      await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
      const [waiting] = await world.sent(false);
      assert.equal(waiting?.summary?.verdict.evidence["how"], "deferred");
      assert.deepEqual(
        waiting.summary.sent?.map((one) => [one.address, one.got, one.isBlind]),
        [
          ["bob@beta.test", "waiting", false],
          ["ben@beta.test", "waiting", true],
        ],
      );
      world.known.set("bob@beta.test", known);
      await world.pass(known === "unsure" ? 26 * HOUR : 10 * MINUTE, { everyMs: 10 * MINUTE });
      for (const isFolded of [false, true, false]) {
        const [entry, ...others] = await world.sent(isFolded);
        assert.equal(others.length, 0);
        assert.equal(entry?.summary?.subject, `${CANARY} in the subject`);
        assert.equal(entry.summary.verdict.evidence["how"], how);
        assert.deepEqual(
          entry.summary.sent?.map((one) => [one.got, one.isBlind, one.fingerprint !== ""]),
          [
            [got, false, how === "sealed"],
            [got, true, how === "sealed"],
          ],
        );
      }
      if (how === "not-sent") {
        const bounce = textOf(world.relayed.at(-1));
        assert.match(bounce, /<bob@beta\.test>: .*not\s+certain/);
        assert.match(bounce, /<ben@beta\.test>: the message was sent to none of its recipients/);
      }
      const mailbox = world.mailboxOf(store, { id: idOf(alice), address: alice });
      assert.equal(await mailbox.hasSealed(["1@alpha.test"]), how !== "clear");
    }
  });

  test(`${engine}: after waiting, who has a certificate and gets clear text has their state in the sender's copy`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    world.known.set("ben@beta.test", "found");
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    world.known.set("bob@beta.test", "absent");
    await world.pass(2 * MINUTE);
    const [entry] = await world.sent(false);
    const codes = entry?.summary?.sent?.map(({ got, code }) => [got, code.startsWith("OK")]);
    assert.deepEqual(codes, [
      ["clear", false],
      ["clear", true],
    ]);
  });

  test(`${engine}: no edited row sends a part of what waits`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test"]);
    const [waiting] = await world.waiting();
    assert(waiting);
    const subject = `${waiting.id}.original`;
    const envelope = JSON.stringify({ from: "", recipients: ["eve@evil.test"] });
    for (const deferred of [waiting.id, ""]) {
      await store.db
        .updateTable("outbox")
        .set({ envelope, deferred })
        .where("id", "=", subject)
        .execute();
      await store.db.deleteFrom("jobs").where("subject", "=", subject).execute();
      const createdAt = world.clock.now();
      await insertJob(store, { kind: "outbox", subject, account: idOf(alice), createdAt });
      await world.tick().catch(() => undefined);
      assert.equal(world.relayed.length, 0);
    }
  });

  test(`${engine}: a message that cannot be read any more is put off, and bounces in the end; it can be cancelled`, async () => {
    for (const end of ["bounce", "cancel"] as const) {
      await using store = await open();
      const world = await deferralWorld(store);
      await world.send(MESSAGE, ["bob@beta.test"]);
      const [waiting] = await world.waiting();
      assert(waiting);
      await store.db
        .updateTable("outbox")
        .set({ wrapped: Buffer.of(1) })
        .where("deferred", "=", waiting.id)
        .execute();
      if (end === "cancel") assert.equal(await world.cancel(waiting.id), "cancelled");
      await world.pass(26 * HOUR, { mayFail: true, everyMs: 10 * MINUTE });
      const [bounce, ...more] = world.relayed;
      assert.equal(more.length, 0);
      assert.deepEqual(recipientsOf(bounce), ["alice@alpha.test"]);
      assert.match(textOf(bounce), /<bob@beta\.test>: your provider (could not read|stopped)/);
      assert.equal(await world.left(), 0);
    }
  });

  test(`${engine}: a split that is allowed later is not for what waits already`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    world.known.set("bob@beta.test", "found");
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    world.setSplit(true);
    world.known.set("ben@beta.test", "absent");
    await world.pass(2 * MINUTE);
    assert.equal(world.relayed.length, 1, "all get clear text, as without a split");
    world.relayed.length = 0;
    world.known.set("ben@beta.test", "unsure");
    await world.send(MESSAGE.replace("<1@", "<2@"), ["bob@beta.test", "ben@beta.test"]);
    world.known.set("ben@beta.test", "absent");
    await world.pass(2 * MINUTE);
    assert.deepEqual(world.relayed.map(recipientsOf), [["bob@beta.test"], ["ben@beta.test"]]);
  });

  test(`${engine}: beyond what may wait for one sender the client is told to try again`, async () => {
    await using store = await open();
    const world = await deferralWorld(store, { deferredBytes: 30_000 });
    const large = `${MESSAGE}${"x".repeat(60)}\n`.padEnd(8000, "lorem ipsum dolor sit amet\n");
    assert.match(await world.send(large, ["bob@beta.test"]), /^250 .*waits/);
    assert.match(await world.send(large, ["bob@beta.test"]), /^450 4\.7\.5 /);
    assert.equal((await world.waiting()).length, 1);
    world.known.set("bob@beta.test", "found");
    await world.pass(2 * MINUTE);
    world.known.set("bob@beta.test", "unsure");
    assert.match(await world.send(large, ["bob@beta.test"]), /^250 .*waits/);
  });

  test(`${engine}: nothing is left of a message whose account was erased`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, ["bob@beta.test"]);
    await eraseByLaw(world.deps, idOf(alice));
    assert.equal(await world.left(), 0);
    world.known.set("bob@beta.test", "absent");
    await world.pass(HOUR);
    assert.equal(world.relayed.length, 0);
  });
}

async function keyOfAlice(world: Awaited<ReturnType<typeof deferralWorld>>) {
  const published = await findPublished(world.store, alice);
  assert(published);
  return { certificate: await certificateIn(published) };
}
