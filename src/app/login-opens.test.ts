/** What a login at the submission port does to mail that waits, and what it says of keys that stay closed. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Given } from "../base/given.ts";
import { after, MINUTE } from "../base/time.ts";
import { replyText } from "../smtp/smtp.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import { locked } from "../incoming/verdicts.ts";
import { certificateIn } from "../keys/publication.ts";
import { listMessages, storeMessage } from "../mailbox/embedded.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import type { Sender } from "../outgoing/outgoing.ts";
import { open as openMessage } from "../pgpmime/open.ts";
import { seal } from "../pgpmime/pgpmime.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { SILENT } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import {
  addressOf,
  alice,
  fresh,
  network,
  old,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { startEvents } from "./events.ts";
import { wayIn } from "./incoming.ts";
import { noMeter } from "./meter.ts";
import { outgoingHandlers, wayOut } from "./outgoing.ts";
import type { Parts } from "./parts.ts";
import { Transactions } from "./transactions.ts";

const bob = addressOf("bob@beta.test");

function partsOf(deps: Deps, asked: string[]): Parts {
  const ask = async (): Promise<typeof SILENT> => {
    asked.push("over the network");
    return Promise.resolve(SILENT);
  };
  const known = async (): Promise<typeof SILENT> => Promise.resolve(SILENT);
  const quiet = async (): Promise<void> => Promise.resolve();
  const refuse = async (): Promise<never> => Promise.reject(new Error("nothing is to be done"));
  return {
    ...deps,
    config: {
      hostname: "mail.alpha.test",
      domains: ["alpha.test"],
      policy: { default: "prefer-clear", domains: {} },
      keys: { autocrypt: "remove", unlockPage: "https://mail.alpha.test/unlock" },
      limits: { loginFailures: 10, loginFailuresPerNetwork: 100 },
      sealing: { legacyDisplay: true },
    },
    events: startEvents("silent"),
    discover: refuse,
    seal: refuse,
    open: openMessage,
    stuck: () => undefined,
    askAuthor: known,
    askAuthorKey: known,
    online: { askAuthor: ask, askAuthorKey: ask },
    lookForAuthor: ask,
    isReader: async () => Promise.resolve(true),
    isParked: async () => Promise.resolve(false),
    trace: traceIncoming(quiet),
    traces: { write: () => quiet, writeLater: () => quiet, transaction: () => quiet },
    meter: noMeter,
  } as unknown as Parts;
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
  await storeMessage(deps.store, {
    account: idOf(alice),
    ...(await sealedRow(body, recipients, now)),
    state: "pending",
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
    const parts = partsOf(deps, asked);
    {
      await using incoming = wayIn(parts, new Transactions(parts));
      const { login, loggedOut } = outgoingHandlers(
        parts,
        wayOut(parts),
        incoming.drain,
        new Transactions(parts),
      );
      const sender = await login?.(
        "alice@alpha.test",
        old(),
        network,
        new AbortController().signal,
      );
      assert(typeof sender === "object");
      // The client leaves at once: the keys of its connection are wiped, and what was begun goes on.
      loggedOut?.(sender);
      for (let look = 0; look < 500; look += 1) {
        const [message] = await listMessages(store, idOf(alice));
        if (message?.verdict.state !== "LOCKED") break;
      }
    }
    const [message] = await listMessages(store, idOf(alice));
    assert.equal(message?.verdict.state, "ENCRYPTED_UNVERIFIED");
    assert.deepEqual(asked, []);
  });

  test(`${engine}: who logs in with a password that was changed elsewhere is told where the keys are opened`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await setLoginOnly(deps, idOf(alice), fresh());
    const parts = partsOf(deps, []);
    const drained: unknown[] = [];
    const { login, data } = outgoingHandlers(
      parts,
      wayOut(parts),
      (one) => drained.push(one),
      new Transactions(parts),
    );
    const sender = await login?.(
      "alice@alpha.test",
      fresh(),
      network,
      new AbortController().signal,
    );
    assert(typeof sender === "object");
    const client = { login: sender as Sender } as unknown as Parameters<typeof data>[0];
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
