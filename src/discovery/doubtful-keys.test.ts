/** What a keyserver serves and cannot be used is an answer only where its domain has said so itself. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { bob, http, makeCertificates, setUp, start } from "../../test/support/discovery-world.ts";
import {
  expiresIn,
  forgeCertificate,
  newForge,
  packetOf,
  type Plan,
  primaryOf,
  sign,
  userIdOf,
} from "../../test/support/forge-certificate.ts";
import { DAY, HOUR, MINUTE, SECOND, after } from "../base/time.ts";
import { armorKey } from "../openpgp/packets/armor.ts";
import { TAG, writePacket } from "../openpgp/packets/certificate-parts.ts";
import { planFor } from "../outgoing/plan.ts";

const { bobs, revoked } = await makeCertificates();
const MADE = after(start, -10 * DAY);
const forge = await newForge(MADE);
const stranger = await newForge(MADE);
const weak = await newForge(MADE, { type: "rsa", rsaBits: 1024, config: { minRSABits: 1024 } });
const future = await newForge(after(start, DAY));
const userIds = ["bob@beta.test"];
const revocation = { type: "keyRevocation", date: start } as const;

type Made = () => Promise<Uint8Array>;
const forged =
  (plan: Partial<Plan>, by = forge): Made =>
  async () =>
    forgeCertificate(by, { date: MADE, userIds, ...plan });

const CASES: readonly (readonly [what: string, served: Made, expected: string, plan: string])[] = [
  [
    "a user ID that another key signed",
    forged({ certifier: stranger }),
    "unreachable bad-self-signature",
    "later",
  ],
  ["another address", forged({ userIds: ["eva@beta.test"] }), "unreachable wrong-user-id", "later"],
  [
    "a key of tomorrow",
    forged({ date: after(start, DAY) }, future),
    "unreachable not-yet-valid",
    "later",
  ],
  ["an expired key", forged({ certification: expiresIn(3600) }), "absent expired", "clear"],
  ["a revoked key", forged({ revocations: [revocation] }), "absent revoked", "clear"],
  ["no encryption key", forged({ withoutSubkey: true }), "absent no-encryption-key", "clear"],
  ["a weak key", forged({}, weak), "absent weak-algorithm", "clear"],
];

for (const [what, served, expected, planned] of CASES) {
  test(`${what} is ${expected}, and mail under prefer-clear: ${planned}`, async () => {
    const bytes = await served();
    const { discover, world } = await setUp(bobs);
    for (const body of [bytes, armorKey("PUBLIC", bytes)]) {
      world.get = async () => http(200, body);
      const discovery = await discover(bob);
      assert(discovery.code === "BADKEY");
      assert.equal(`${discovery.kind} ${discovery.reason}`, expected);
      assert.equal(planFor([{ address: bob, policy: "prefer-clear", discovery }]).kind, planned);
    }
  });
}

test("a key seen revoked and served again without its revocation is never sealed to again", async () => {
  const { discover, world, clock, requests } = await setUp(bobs);
  world.get = async () => http(200, revoked.bytes);
  assert.equal((await discover(bob)).code, "BADKEY");
  for (let turn = 0; turn < 3; turn += 1) {
    clock.advance(3 * DAY + HOUR);
    world.get = async () => http(200, bobs.bytes);
    const again = await discover(bob);
    assert.equal(again.kind, "absent");
    assert(again.code === "BADKEY" && again.reason === "revoked");
  }
  assert(requests.length >= 4);
});

test("a key that another user ID ends is asked for again at its end, though what was kept of it says nothing", async () => {
  const key = await primaryOf(forge);
  const userID = userIdOf("Bob <bob@else.example>");
  const ends = after(start, 6 * HOUR);
  const facts = {
    isPrimaryUserID: true,
    ...expiresIn((ends.getTime() - forge.secret.keyPacket.created.getTime()) / SECOND),
  };
  const over = { key, userID };
  const mark = await sign(forge.secret.keyPacket, "certPositive", over, MADE, facts);
  const bytes = Buffer.concat([
    await forgeCertificate(forge, { date: MADE, userIds }),
    writePacket(TAG.userId, userID.write()),
    packetOf(mark),
  ]);
  const { discover, world, clock } = await setUp(bobs);
  world.get = async () => http(200, bytes);
  assert.equal((await discover(bob)).code, "OK");
  clock.advance(6 * HOUR - MINUTE);
  assert.equal((await discover(bob)).code, "OK-CACHE");
  clock.advance(2 * MINUTE);
  const ended = await discover(bob);
  assert(ended.kind === "absent");
  assert.equal(ended.reason, "expired");
});
