/** Secret keys in which a part was changed, by hand or at random. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  PASSPHRASE,
  base,
  rsa,
  plain,
  other,
  locked,
  argon2,
  modern,
  refusal,
} from "../../../test/support/keys-to-import.ts";
import { mutate, seededRandom } from "../../../test/support/mutate.ts";
import {
  QUICK,
  armored,
  isSecret,
  joined,
  libraryKey,
  packetsOf,
  publicOctets,
  withSecretOf,
  withSecrets,
} from "../../../test/support/secret-keys.ts";
import { TAG } from "../packets/certificate-parts.ts";

const lockedOther = await libraryKey({ ...base, passphrase: PASSPHRASE, config: QUICK });

const rsaKey = await libraryKey({ ...rsa, rsaBits: 3072 });

test("a secret that does not belong to its public key is found out", async () => {
  for (const [mine, octets, theirs] of [
    [plain, publicOctets, other],
    [locked, publicOctets, lockedOther],
    [modern, () => 42, await libraryKey({ ...base, type: "curve25519", config: { v6Keys: true } })],
    [rsaKey, () => 6 + 2 + 384 + 2 + 3, await libraryKey({ ...rsa, rsaBits: 3072 })],
  ] as const) {
    for (const tag of [TAG.secretKey, TAG.secretSubkey]) {
      const swapped = withSecretOf(mine, theirs, { tag, publicOctets: octets(tag) });
      assert.equal(await refusal(swapped, { passphrase: PASSPHRASE }), "mismatched-parts");
    }
  }
});

test("numbers that are no RSA key are refused without computing with them", async () => {
  const octets = 6 + 2 + 384 + 2 + 3;
  const integer = Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(8192, 0xff)]);
  const secret = Buffer.concat([integer, integer, integer, integer]);
  const sum = secret.reduce((total, octet) => (total + octet) & 0xffff, 0);
  const huge = withSecrets(rsaKey, (body) =>
    Buffer.concat([body.subarray(0, octets + 1), secret, Buffer.of(sum >> 8, sum & 0xff)]),
  );
  assert.equal(await refusal(huge), "mismatched-parts");
});

test("a signature that was changed makes no user ID", async () => {
  const changed = packetsOf(plain).map(({ tag, body }) => {
    const copy = Buffer.from(body);
    if (tag === TAG.signature) copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
    return { tag, body: copy };
  });
  assert.equal(await refusal(joined(changed)), "bad-self-signature");
});

test("mutated secret keys are taken over or refused, within a second and without an error", async () => {
  const random = seededRandom(20_303);
  const inputs = [plain, locked, argon2, modern, rsaKey];
  const reasons = new Set<string | undefined>();
  for (let round = 0; round < 400; round += 1) {
    const input = inputs[round % inputs.length];
    assert(input);
    const bytes = mutate(random, round % 7 === 0 ? armored(input) : input, inputs);
    reasons.add(await refusal(bytes, { passphrase: PASSPHRASE }));
  }
  assert(reasons.size > 3, [...reasons].join());
});

test("mutated secrets, whose certificate is whole, are refused or harmless", async () => {
  const random = seededRandom(7);
  for (let round = 0; round < 300; round += 1) {
    const input = [plain, locked, argon2, modern, rsaKey][round % 5];
    assert(input);
    const only = round % 2 === 0 ? TAG.secretKey : TAG.secretSubkey;
    const bytes = joined(
      packetsOf(input).map(({ tag, body }) => ({
        tag,
        body:
          tag === only && isSecret(tag)
            ? Buffer.concat([body.subarray(0, -90), mutate(random, body.subarray(-90), [])])
            : body,
      })),
    );
    await refusal(bytes, { passphrase: PASSPHRASE });
  }
});
