/** A published key that cannot be used is a fault that may pass for a day; then it is refused with its reason. */
import assert from "node:assert/strict";

import {
  bob,
  DOWN,
  http,
  key,
  makeCertificates,
  setUp,
  start,
} from "../../test/support/discovery-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { forgeCertificate, newForge } from "../../test/support/forge-certificate.ts";
import { replyText } from "../../test/support/reply-text.ts";
import { submissionReply } from "../app/submission-replies.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import { planFor } from "../outgoing/plan.ts";
import { unsendable } from "../outgoing/submission.ts";
import type { Policy } from "../words/account.ts";
import { makeDiscover } from "./discovery.ts";
import type { Discovery } from "./outcome.ts";

const onBoth = testOnBoth();
const { bobs, evas, expired } = await makeCertificates();

function answerTo(discovery: Discovery, policy: Policy = "prefer-clear"): string {
  const plan = planFor([{ address: bob, policy, discovery }]);
  assert(plan.kind === "later" || plan.kind === "refuse", plan.kind);
  return replyText(submissionReply(unsendable(plan, "policy"), { queueId: "q" }));
}

onBoth(
  "a key for somebody else is answered 450 for a day, then 550 with the reason",
  async (open) => {
    const { discover, world, clock } = await setUp(bobs, open);
    world.get = async () => key(evas);
    assert.match(answerTo(await discover(bob)), /^450 4\.7\.5/);
    clock.advance(DAY - MINUTE);
    assert.match(answerTo(await discover(bob)), /^450 4\.7\.5/);
    clock.advance(MINUTE);
    for (const policy of ["prefer-clear", "require", "prefer-pickup"] as const) {
      assert.match(
        answerTo(await discover(bob), policy),
        /^550 5\.7\.5 <bob@beta\.test> has a published key .*does not name this address \(since 15 January 2027; beta\.test must replace it\); not sent/,
      );
    }
  },
);

onBoth("the day goes on in another process, and over answers that never came", async (open) => {
  const { discover, world, clock, deps } = await setUp(bobs, open);
  world.get = async () => key(evas);
  await discover(bob);
  clock.advance(HOUR);
  world.get = async () => DOWN;
  assert.match(answerTo(await discover(bob)), /^450/);
  clock.advance(DAY);
  world.get = async () => key(evas);
  assert.match(answerTo(await makeDiscover(deps).discover(bob)), /^550 5\.7\.5/);
});

onBoth("an answer that can be used, or says that there is none, ends the day", async (open) => {
  for (const between of [key(bobs), http(404)]) {
    const { discover, world, clock, store } = await setUp(bobs, open);
    world.get = async () => key(evas);
    await discover(bob);
    clock.advance(12 * HOUR);
    world.get = async () => between;
    assert.notEqual((await discover(bob)).kind, "unreachable");
    assert.deepEqual(await store.db.selectFrom("unusable_answers").selectAll().execute(), []);
    clock.advance(DAY);
    world.get = async () => key(evas);
    assert.match(answerTo(await discover(bob)), /^450/);
  }
});

onBoth("what mail from strangers asks for begins no day", async (open) => {
  const { askAuthor, discover, world, clock, deps } = await setUp(bobs, open);
  world.get = async () => key(evas);
  await askAuthor(bob, clock.now());
  clock.advance(2 * DAY);
  assert.match(answerTo(await discover(bob)), /^450/);
  assert.match(answerTo(await makeDiscover(deps).discover(bob)), /^450/);
});

onBoth("what nobody asked for in seven days begins again, and its row is deleted", async (open) => {
  const { discover, world, clock, purge, store } = await setUp(bobs, open);
  world.get = async () => key(evas);
  clock.advance(30 * DAY);
  assert.match(answerTo(await discover(bob)), /^450/);
  clock.advance(8 * DAY);
  await purge();
  assert.deepEqual(await store.db.selectFrom("unusable_answers").selectAll().execute(), []);
  assert.match(answerTo(await discover(bob)), /^450/);
});

onBoth(
  "whatever somebody has to repair is refused after a day, and what time mends is not",
  async (open) => {
    const made = after(start, -10 * DAY);
    const [forge, stranger] = [await newForge(made), await newForge(made)];
    const future = await newForge(after(start, 3 * DAY));
    const userIds = ["bob@beta.test"];
    const cases: readonly (readonly [Uint8Array, RegExp])[] = [
      [
        withBrokenPoint(await forgeCertificate(forge, { date: made, userIds })),
        /^550 5\.7\.5 .*it cannot be read/,
      ],
      [
        await forgeCertificate(forge, { date: made, userIds, certifier: stranger }),
        /^550 5\.7\.5 .*its self-signature is not valid/,
      ],
      [await forgeCertificate(future, { date: after(start, 3 * DAY), userIds }), /^450 4\.7\.5/],
    ];
    for (const [body, expected] of cases) {
      const { discover, world, clock } = await setUp(bobs, open);
      world.get = async () => http(200, body);
      assert.match(answerTo(await discover(bob)), /^450/);
      clock.advance(DAY + MINUTE);
      assert.match(answerTo(await discover(bob)), expected);
    }
  },
);

onBoth("a key that can never be used, as an expired one, ends the day too", async (open) => {
  const { discover, world, store } = await setUp(bobs, open);
  world.get = async () => key(evas);
  assert.match(answerTo(await discover(bob)), /^450/);
  const waiting = async () => store.db.selectFrom("unusable_answers").selectAll().execute();
  assert.equal((await waiting()).length, 1);
  world.get = async () => key(expired);
  const { deps } = await setUp(bobs, async () => Promise.resolve(store));
  await makeDiscover({ ...deps, get: async () => key(expired) }).discover(bob);
  assert.deepEqual(await waiting(), []);
});

/** A certificate whose Ed25519 point does not begin with 0x40 (RFC 9580 §11.2.3): version, date, algorithm, OID and length precede. */
function withBrokenPoint(certificate: Uint8Array): Uint8Array {
  const broken = Uint8Array.from(certificate);
  broken[broken.indexOf(0x40, 18)] = 0x41;
  return broken;
}
