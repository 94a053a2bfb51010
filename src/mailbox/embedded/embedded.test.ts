import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { testMailbox, type MailboxWorld } from "../../../test/contract/mailbox.ts";
import { haveAccounts } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { fakeClock } from "../../../test/support/clock.ts";
import { engines, type OpenStore } from "../../../test/support/engines.ts";
import { ownKey } from "../../../test/support/openpgp-messages.ts";
import { openBlobs } from "../../blobs/blobs.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { decrypt } from "../../openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../openpgp/messages/encrypt.ts";
import { findAccount } from "../../store/accounts/accounts.ts";
import type { BlobPlace } from "../../store/mailbox/blobs.ts";
import { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import { expungeRemoved } from "./expunge.ts";
import { openEmbedded, type EmbeddedDeps } from "./embedded.ts";
import { bodyOfRow } from "./stored-form.ts";
import { MailboxWatch } from "./watch.ts";

const bob = addressOf("bob@beta.test");
const key = await ownKey("bob@beta.test", "compat");
const keys = new UnlockedKeys([key], key.fingerprint, []);
const recipients = [key.certificate];

async function worldOn(openStore: OpenStore, bodies: BlobPlace): Promise<MailboxWorld> {
  const bodiesFolder = await mkdtemp(join(tmpdir(), "sealpost-mailbox-"));
  const store = await openStore();
  await haveAccounts(store, bob);
  const account = await findAccount(store, bob);
  assert(account);
  const clock = fakeClock();
  const deps: EmbeddedDeps = {
    store,
    clock,
    blobs: openBlobs({ store, clock }, { bodies, bodiesFolder }),
    undoMs: HOUR,
    watch: new MailboxWatch(store, (error) => assert.fail(String(error))),
    wrapFor: async (_account, data) =>
      encryptAtRest({ data, recipients, now: clock.now(), isOwn: true }),
    bodyFor: async (_account, message) => bodyOfRow({ ...message, recipients, now: clock.now() }),
    decrypt,
  };
  return {
    open: () => openEmbedded(deps, account, keys),
    openClosed: () => openEmbedded(deps, account),
    expunge: async () => {
      assert.equal(await expungeRemoved(deps), 0);
      clock.advance(HOUR + MINUTE);
      await expungeRemoved(deps);
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(bodiesFolder, { recursive: true });
    },
  };
}

for (const { engine, open } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    testMailbox(`embedded, ${engine}, bodies in a ${bodies}`, async () => worldOn(open, bodies));
  }
}
