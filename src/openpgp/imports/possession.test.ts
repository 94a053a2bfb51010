import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../../test/support/address.ts";
import { cpuStopwatch } from "../../../test/support/cpu-time.ts";
import { seededRandom, mutate } from "../../../test/support/mutate.ts";
import { expectDecrypted, foreignKey, ownKey } from "../../../test/support/openpgp-messages.ts";
import { armorSignature, signDetached } from "../../../test/support/signatures.ts";
import { DAY, HOUR, MINUTE, SECOND, after, fromUnixMs, systemClock } from "../../base/time.ts";
import { revokeFresh } from "../keys/revocation.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { decrypt } from "../messages/decrypt.ts";
import { possessionChallenge, provesPossession } from "./possession.ts";

const NOW = fromUnixMs(Math.floor(systemClock.now().getTime() / SECOND) * SECOND);
const TEXT = "sealpost proof 6f1c8a2b";
const ada = await ownKey("ada@alpha.test", "compat");
const modern = await ownKey("ada@alpha.test", "modern");
const rsa = await foreignKey({ type: "rsa", rsaBits: 3072 });
const mallory = await ownKey("ada@alpha.test", "compat");

const address = addressOf("ada@alpha.test");

const sign = (signer: UnlockedKey, text: string, now = NOW): Promise<Uint8Array> =>
  signDetached({ data: Buffer.from(text), signer, intended: [], now });

const proves = (
  proof: Uint8Array,
  o: Partial<Parameters<typeof provesPossession>[0]> = {},
): Promise<boolean> =>
  provesPossession({ certificate: ada.certificate, address, text: TEXT, now: NOW, ...o, proof });

test("the challenge is opened by the owner alone, holds the text as a line, and nobody signed it", async () => {
  for (const key of [ada, modern, rsa]) {
    const { certificate } = key;
    const challenge = await possessionChallenge({ certificate, text: TEXT, now: NOW });
    assert.match(challenge, /^-----BEGIN PGP MESSAGE-----\r?\n/);
    const message = Buffer.from(challenge);
    const opened = expectDecrypted(await decrypt({ message, keys: [key] }));
    assert.equal(Buffer.from(opened.data).toString(), `${TEXT}\n`);
    assert.deepEqual(opened.signatures, []);
    assert.equal((await decrypt({ message, keys: [mallory] })).kind, "no-key");
  }
});

test("a signature of the text proves it, however its lines end, armored or binary", async () => {
  for (const end of ["", "\n", "\r\n"]) {
    const proof = await sign(ada, `${TEXT}${end}`);
    assert(await proves(proof));
    assert(await proves(Buffer.from(armorSignature(proof))));
  }
  const two = `${TEXT}\nsecond line`;
  const crlf = two.replace("\n", "\r\n");
  for (const signed of [two, `${two}\n`, crlf, `${crlf}\r\n`]) {
    assert(await proves(await sign(ada, signed), { text: two }), JSON.stringify(signed));
  }
  assert(await proves(await sign(modern, `${TEXT}\n`), { certificate: modern.certificate }));
  const foreign = { certificate: rsa.certificate, address: addressOf("foreign@other.test") };
  assert(await proves(await sign(rsa, `${TEXT}\n`), foreign));
});

test("another text, another key, another address and another certificate prove nothing", async () => {
  for (const text of [`${TEXT}0`, ` ${TEXT}`, TEXT.toUpperCase(), ""]) {
    assert.equal(await proves(await sign(ada, text)), false);
  }
  const proof = await sign(ada, TEXT);
  assert.equal(await proves(await sign(mallory, TEXT)), false);
  assert.equal(await proves(proof, { certificate: mallory.certificate }), false);
  assert.equal(await proves(proof, { address: addressOf("eve@alpha.test") }), false);
});

test("a proof is taken for two days, and as much ahead as clocks may be", async () => {
  const proof = await sign(ada, TEXT);
  for (const [ms, expected] of [
    [-11 * MINUTE, false],
    [-10 * MINUTE, true],
    [-1 * MINUTE, true],
    [2 * DAY, true],
    [2 * DAY + SECOND, false],
  ] as const) {
    assert.equal(await proves(proof, { now: after(NOW, ms) }), expected, String(ms));
  }
});

test("a key that is revoked by now proves nothing, whatever for and whenever it signed", async () => {
  const proof = await sign(ada, TEXT);
  for (const reasonCode of [0, 1, 2, 3] as const) {
    for (const now of [after(NOW, -MINUTE), after(NOW, MINUTE)]) {
      const certificate = await revokeFresh({ key: ada, reasonCode, text: "", now });
      assert.equal(await proves(proof, { certificate, now: after(NOW, HOUR) }), false);
    }
  }
});

test("a key that has expired proves nothing, also of the time before", async () => {
  const certificate = ada.certificate;
  const late = after(certificate.created, 3 * 365 * DAY);
  const proof = await sign(ada, TEXT, after(late, -MINUTE));
  assert.equal(await proves(proof, { now: after(late, -SECOND) }), true);
  assert.equal(await proves(proof, { now: after(late, SECOND) }), false);
});

test("what is no detached signature proves nothing", async () => {
  const proof = await sign(ada, TEXT);
  const nine = Buffer.concat(Array.from({ length: 9 }, () => proof));
  const huge = Buffer.concat([proof, Buffer.alloc(64 * 1024, 0x0a)]);
  for (const bytes of [
    new Uint8Array(),
    Buffer.from(TEXT),
    Buffer.from("-----BEGIN PGP SIGNATURE-----\n\n"),
    ada.certificate.bytes,
    proof.slice(0, -1),
    nine,
    huge,
  ]) {
    assert.equal(await proves(bytes), false);
  }
  assert(await proves(Buffer.concat([await sign(mallory, TEXT), proof])), "beside another's");
});

test("a changed proof proves nothing and is refused within a second", async () => {
  const proof = await sign(ada, TEXT);
  const others = [Buffer.from(armorSignature(proof)), ada.certificate.bytes];
  const random = seededRandom(13);
  for (let round = 0; round < 500; round += 1) {
    const input = round % 2 === 0 ? proof : (others[0] ?? proof);
    const changed = mutate(random, input, others);
    const elapsed = cpuStopwatch();
    // What was changed may lie outside of what counts: then nothing else may be proven with it.
    if (await proves(changed)) assert.equal(await proves(changed, { text: "other" }), false);
    assert(elapsed() < SECOND, changed.toString("hex"));
  }
});
