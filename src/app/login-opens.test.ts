/** What a login at the submission port does to mail that waits, and what it says of keys that stay closed. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { SILENT } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, fresh, network, old, withAlice, type Deps } from "../../test/support/key-life.ts";
import { allMail, mailboxesWith } from "../../test/support/mailboxes.ts";
import { QUIET_CONFIG, quietSubmission } from "../../test/support/quiet-submission.ts";
import { replyText } from "../../test/support/reply-text.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { blobsIn, haveWaiting } from "../../test/support/spool.ts";
import { Given } from "../base/given.ts";
import { after, MINUTE } from "../base/time.ts";
import { messageWorkHere } from "../incoming/message-work.ts";
import type { PendingDeps } from "../incoming/pending-deps.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import { locked } from "../incoming/verdicts.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { open as openMessage } from "../pgpmime/pgpmime.ts";
import { seal } from "../pgpmime/seal.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { unlockWithService } from "../vault/vault.ts";
import { deliveryHandlers, type DeliveryHandlers } from "./incoming.ts";

const bob = addressOf("bob@beta.test");

/** The delivery of one process, which notes whom it asks. */
function quietDelivery(deps: Deps, asked: string[]): DeliveryHandlers {
  const { store, clock } = deps;
  const ask = async (): Promise<typeof SILENT> => {
    asked.push("over the network");
    return Promise.resolve(SILENT);
  };
  const pending: PendingDeps = {
    store,
    blobs: blobsIn(store),
    clock,
    mailboxOf: mailboxesWith(clock),
    open: openMessage,
    askAuthor: async () => Promise.resolve(SILENT),
    askAuthorKey: async () => Promise.resolve({ kind: "unreachable", reason: "not asked" }),
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
    trace: traceIncoming(async () => Promise.resolve()),
  };
  return deliveryHandlers({
    store,
    clock,
    config: QUIET_CONFIG,
    limits: () => QUIET_CONFIG.limits,
    pool: { messageWork: messageWorkHere, encryptAtRest },
    opening: {
      pending,
      unlockWithService: async (account) => unlockWithService(deps, account),
      lookForAuthor: ask,
      events: { failed: () => undefined },
    },
    online: { askAuthor: ask, askAuthorKey: async () => assert.fail("a key is asked for") },
    transactions: { note: () => undefined },
  });
}

async function storeSealed(deps: Deps): Promise<void> {
  const row = await findPublished(deps.store, alice);
  assert(row);
  const now = deps.clock.now();
  const made = await generateKey({ address: bob, profile: "compat", now: after(now, -MINUTE) });
  const recipients = [await certificateIn(row)];
  const body = await seal({
    message: Buffer.from("From: bob@beta.test\r\nTo: alice@alpha.test\r\n\r\nText.\r\n"),
    signer: await readSecretKey(made.secretKey),
    recipients,
    intended: [row.fingerprint],
    now,
  });
  await haveWaiting(deps.store, {
    account: idOf(alice),
    ...(await sealedRow(body, recipients, now)),
    verdict: locked(now),
    receivedAt: now,
    sizeBytes: body.length,
    outerFrom: "bob@beta.test",
  });
}

for (const { engine, open } of engines()) {
  test(`${engine}: a login at the submission port opens what waits, and asks nobody`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await storeSealed(deps);
    const asked: string[] = [];
    {
      await using incoming = quietDelivery(deps, asked);
      const { login, loggedOut } = quietSubmission(deps, incoming.drain);
      const signal = new AbortController().signal;
      const answer = await login?.("alice@alpha.test", old(), network, signal);
      assert(answer?.kind === "logged-in");
      const { login: sender } = answer;
      // The client leaves at once: the keys of its connection are wiped, and what was begun goes on.
      loggedOut?.(sender);
      for (let look = 0; look < 500; look += 1) {
        const [message] = await allMail(store, idOf(alice));
        if (message?.verdict.state !== "LOCKED") break;
      }
    }
    const [message] = await allMail(store, idOf(alice));
    assert.equal(message?.verdict.state, "ENCRYPTED_UNVERIFIED");
    assert.deepEqual(asked, []);
  });

  test(`${engine}: who logs in with a password that was changed elsewhere is told where the keys are opened`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await setLoginOnly(deps, idOf(alice), fresh());
    const drained: unknown[] = [];
    const { login, data } = quietSubmission(deps, (one) => drained.push(one));
    const signal = new AbortController().signal;
    const answer = await login?.("alice@alpha.test", fresh(), network, signal);
    assert(answer?.kind === "logged-in");
    const client = { login: answer.login } as unknown as Parameters<typeof data>[0];
    const message = Buffer.from("From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\nText.\r\n");
    const given = new Given(message);
    const replies = await data(client, { from: alice, recipients: [bob] }, given);
    assert.match(
      [replies].flat().map(replyText).join(),
      /^554 5\.7\.5 your keys are locked since your password changed: .*https:\/\/mail\.alpha\.test\/unlock; not sent$/,
    );
    assert.deepEqual(drained, []);
  });
}
