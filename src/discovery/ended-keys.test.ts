/** A kept key is not used after its end, whatever ends it, also while its keyserver is silent. */
import assert from "node:assert/strict";

import { bob, DOWN, setUp, start } from "../../test/support/discovery-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import {
  expiresIn,
  type Facts,
  forgeCertificate,
  newForge,
  packetOf,
  type Plan,
  primaryOf,
  read,
  sign,
  userIdOf,
} from "../../test/support/forge-certificate.ts";
import { after, DAY, MINUTE, SECOND } from "../base/time.ts";
import { TAG, writePacket } from "../openpgp/packets/certificate-parts.ts";

const onBoth = testOnBoth();
const MADE = after(start, -10 * DAY);
/** Later than the day for which an entry is fresh, and within the seven days for which it is kept. */
const ENDS = after(start, 3 * DAY);
const LIFE_SECONDS = (ENDS.getTime() - MADE.getTime()) / SECOND;
const forge = await newForge(MADE);

const forged = async (plan: Partial<Plan> = {}): Promise<Uint8Array> =>
  forgeCertificate(forge, { date: MADE, userIds: ["bob@beta.test"], ...plan });

/** With another user ID of the owner's that calls itself the primary one. */
async function withPrimaryUserId(facts: Facts): Promise<Uint8Array> {
  const key = await primaryOf(forge);
  const userID = userIdOf("Bob <bob@else.example>");
  const primary = { isPrimaryUserID: true, ...facts };
  const mark = await sign(forge.secret.keyPacket, "certPositive", { key, userID }, MADE, primary);
  const user = writePacket(TAG.userId, userID.write());
  return Buffer.concat([await forged(), user, packetOf(mark)]);
}

const keyLife = expiresIn(LIFE_SECONDS);
const signatureLife = { signatureExpirationTime: LIFE_SECONDS, signatureNeverExpires: false };

const ENDED_BY: readonly (readonly [what: string, make: () => Promise<Uint8Array>])[] = [
  ["another user ID, the primary one, ends the key", async () => withPrimaryUserId(keyLife)],
  ["the user ID's signature ends the key", async () => forged({ certification: keyLife })],
  ["a signature over the key itself ends it", async () => forged({ direct: keyLife })],
  ["the encryption subkey expires", async () => forged({ binding: keyLife })],
  ["the signature of the user ID expires", async () => forged({ certification: signatureLife })],
  ["the signature of the subkey expires", async () => forged({ binding: signatureLife })],
];

for (const [what, make] of ENDED_BY) {
  onBoth(`while its keyserver is silent a key is not used after ${what}`, async (open) => {
    const served = await make();
    const { discover, world, clock } = await setUp(await read(served), open);
    assert.equal((await discover(bob)).code, "OK");
    world.get = async () => DOWN;
    clock.set(after(ENDS, -MINUTE));
    assert.equal((await discover(bob)).code, "OK-CACHE");
    clock.set(ENDS);
    assert.equal((await discover(bob)).code, "UNSURE-KS");
    clock.set(after(ENDS, 2 * DAY));
    assert.equal((await discover(bob)).code, "UNSURE-KS");
  });
}

onBoth("a key that does not end is used for a week while its keyserver is silent", async (open) => {
  const served = await withPrimaryUserId({});
  const { discover, world, clock } = await setUp(await read(served), open);
  assert.equal((await discover(bob)).code, "OK");
  world.get = async () => DOWN;
  clock.set(after(start, 7 * DAY - SECOND));
  assert.equal((await discover(bob)).code, "OK-CACHE");
});
