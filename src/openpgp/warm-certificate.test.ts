/** What is kept of certificates says nothing that the evidence does not say now. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ADA,
  daysAgo,
  expiresIn,
  forged,
  MADE,
  newForge,
  NOW,
  read,
} from "../../test/support/forge-certificate.ts";
import { after, DAY, MINUTE, SECOND } from "../base/time.ts";
import { acceptForEncryption } from "./certificates/acceptance.ts";
import type { Certificate } from "./certificates/certificate.ts";
import { nextChange } from "./certificates/next-change.ts";
import { checkSigner } from "./certificates/signer.ts";
import { generateKey } from "./keys/generate.ts";
import { applyRevocation } from "./keys/revocation.ts";
import { certificateWorkHere } from "./openpgp.ts";
import { acceptLastingly, noAnswers, remembering } from "./remembered-work.ts";

const forge = await newForge(MADE);

/** Counts what reaches the work behind the memory. */
function counted() {
  const asked = { parsed: 0, accepted: 0, revocations: 0 };
  const work = remembering(
    {
      ...certificateWorkHere,
      parseCertificates: async (input) => {
        asked.parsed += 1;
        return certificateWorkHere.parseCertificates(input);
      },
      acceptLastingly: async (...given) => {
        asked.accepted += 1;
        return acceptLastingly(...given);
      },
      revocationsOf: async (certificate) => {
        asked.revocations += 1;
        return certificateWorkHere.revocationsOf(certificate);
      },
    },
    noAnswers(),
  );
  return { asked, work };
}

/** Another object with the same octets, as a thread or the database gives it. */
const again = (certificate: Certificate): Certificate => structuredClone(certificate);

test("what is asked again in the same words is not worked on again", async () => {
  const { asked, work } = counted();
  const certificate = await forged(forge, { date: MADE });
  const first = await work.acceptForEncryption(certificate, ADA, NOW);
  for (const later of [NOW, after(NOW, MINUTE), after(NOW, 900 * DAY)]) {
    assert.deepEqual(await work.acceptForEncryption(again(certificate), ADA, later), first);
    assert.deepEqual(await work.revocationsOf(again(certificate)), []);
    assert.equal((await work.parseCertificates(certificate.bytes)).kind, "parsed");
  }
  assert.deepEqual(asked, { parsed: 1, accepted: 1, revocations: 1 });
});

test("a key that expires is seen to have expired, however warm the memory is", async () => {
  const { work } = counted();
  const days = expiresIn((200 * DAY) / SECOND);
  for (const plan of [{ certification: days }, { binding: days }, { direct: days }]) {
    const certificate = await forged(forge, { date: MADE, ...plan });
    const end = after(MADE, 200 * DAY);
    assert.deepEqual(nextChange(certificate, NOW), end);
    for (const [at, kind] of [
      [NOW, "acceptable"],
      [after(end, -SECOND), "acceptable"],
      [end, "unusable"],
      [after(end, DAY), "unusable"],
      // A clock that was set back.
      [NOW, "acceptable"],
    ] as const) {
      const remembered = await work.acceptForEncryption(again(certificate), ADA, at);
      const direct = await acceptForEncryption(again(certificate), ADA, at);
      const fresh = await acceptForEncryption(await read(certificate.bytes), ADA, at);
      assert.deepEqual([remembered.kind, direct.kind, fresh.kind], [kind, kind, kind]);
    }
  }
});

test("a signature of the future begins to count when its time comes, and not before", async () => {
  const { work } = counted();
  const begins = after(NOW, DAY);
  const certificate = await forged(forge, { date: begins });
  for (const [at, kind] of [
    [NOW, "unusable"],
    [after(begins, -11 * MINUTE), "unusable"],
    [begins, "acceptable"],
    [NOW, "unusable"],
  ] as const) {
    assert.equal((await work.acceptForEncryption(again(certificate), ADA, at)).kind, kind);
  }
});

test("a later revocation is seen, however warm the memory is", async () => {
  const { work } = counted();
  const made = await generateKey({ address: ADA, profile: "compat", now: daysAgo(100) });
  const { certificate } = made;
  const signer = { keyFingerprint: certificate.fingerprint, signedAt: daysAgo(50) };
  const ask = async (of: Certificate) => [
    (await work.acceptForEncryption(again(of), ADA, NOW)).kind,
    (await acceptForEncryption(again(of), ADA, NOW)).kind,
    (await work.revocationsOf(again(of))).length,
    (await checkSigner(again(of), ADA, signer, { now: NOW })).kind,
  ];
  assert.deepEqual(await ask(certificate), ["acceptable", "acceptable", 0, "bound"]);
  assert.deepEqual(await ask(certificate), ["acceptable", "acceptable", 0, "bound"]);
  const revoked = await applyRevocation(certificate, made.genericRevocation);
  assert(revoked);
  assert.deepEqual(await ask(revoked), ["unusable", "unusable", 1, "not-bound"]);
  assert.deepEqual(await ask(certificate), ["acceptable", "acceptable", 0, "bound"]);
  made.secretKey[Symbol.dispose]();
});

test("what is kept is a copy that the giver of the octets cannot write to", async () => {
  const certificate = await forged(forge, { date: MADE });
  assert.equal((await acceptForEncryption(again(certificate), ADA, NOW)).kind, "acceptable");
  const given = again(certificate);
  assert.equal((await acceptForEncryption(given, ADA, NOW)).kind, "acceptable");
  given.bytes.fill(0);
  assert.equal((await acceptForEncryption(again(certificate), ADA, NOW)).kind, "acceptable");
  assert.equal((await acceptForEncryption(again(given), ADA, NOW)).kind, "unusable");
});
