/** What a thread cannot read or judge within its limits leaves a look-up unsure: it is never "no key". */
import assert from "node:assert/strict";
import { test } from "node:test";

import { bob, makeCertificates, setUp } from "../../test/support/discovery-world.ts";
import { AppError, TooCostly } from "../base/errors.ts";
import { certificateWorkHere, type CertificateWork } from "../openpgp/openpgp.ts";
import { makeDiscover } from "./discovery.ts";

const { bobs } = await makeCertificates();
const tooCostly = async (): Promise<never> => Promise.reject(new TooCostly("too expensive"));
const isBusy = async (): Promise<never> =>
  Promise.reject(new AppError("too many messages are being worked on", { temporary: true }));

const CASES: readonly (readonly [what: string, work: Partial<CertificateWork>])[] = [
  ["reading it is too costly", { parseCertificates: tooCostly }],
  ["judging it is too costly", { acceptForEncryption: tooCostly }],
  ["no thread is free to read it", { parseCertificates: isBusy }],
  ["no thread is free to judge it", { acceptForEncryption: isBusy }],
];

for (const [what, work] of CASES) {
  test(`a look-up is unreachable, never absent, when ${what}`, async () => {
    const { deps } = await setUp(bobs);
    const { discover } = makeDiscover({ ...deps, work: { ...certificateWorkHere, ...work } });
    const kind = await discover(bob).then(
      (discovery) => discovery.kind,
      (error: unknown) => {
        assert(error instanceof AppError && error.temporary, String(error));
        return "unreachable";
      },
    );
    assert.equal(kind, "unreachable");
  });
}

for (const what of ["parseCertificates", "revocationsOf"] as const) {
  test(`an author whose certificates are too costly for ${what} cannot be judged, and is not without a key`, async () => {
    const { deps, clock } = await setUp(bobs);
    const work = { ...certificateWorkHere, [what]: tooCostly };
    const { askAuthor, knownAuthor, lookForAuthor, askAuthorKey } = makeDiscover({ ...deps, work });
    const now = clock.now();
    const answers = [
      await lookForAuthor(bob, now),
      await askAuthor(bob, now),
      await knownAuthor(bob, now),
      await askAuthorKey(bob, bobs.fingerprint, now),
    ];
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      Array.from({ length: 4 }, () => "unreachable"),
    );
  });
}

test("a user's look-up does not depend on the threads that mail of strangers keeps busy", async () => {
  const { deps, clock } = await setUp(bobs);
  const busy = { ...certificateWorkHere, parseCertificates: isBusy, acceptForEncryption: isBusy };
  const work = { work: busy, workForUsers: certificateWorkHere };
  const { discover, askAuthor } = makeDiscover({ ...deps, ...work });
  await assert.rejects(askAuthor(bob, clock.now()), AppError);
  assert.equal((await discover(bob)).kind, "found");
});
