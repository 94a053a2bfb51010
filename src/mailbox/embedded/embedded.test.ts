import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { MailboxWorld } from "../../../test/contract/mailbox-world.ts";
import { testMailbox } from "../../../test/contract/mailbox.ts";
import { embeddedMailbox } from "../../../test/support/embedded-mailbox.ts";
import { engines, type OpenStore } from "../../../test/support/engines.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import type { BlobPlace } from "../../store/mail/blobs.ts";
import { expungeRemoved } from "./expunge.ts";

async function worldOn(openStore: OpenStore, bodies: BlobPlace): Promise<MailboxWorld> {
  const store = await openStore();
  const bodiesFolder = await mkdtemp(join(tmpdir(), "sealpost-mailbox-"));
  const made = await embeddedMailbox(store, { bodies, bodiesFolder });
  const { open, openClosed, clock, blobs } = made;
  return {
    open,
    openClosed,
    expunge: async () => {
      assert.equal(await expungeRemoved({ store, clock, blobs }), 0);
      clock.advance(HOUR + MINUTE);
      await expungeRemoved({ store, clock, blobs });
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(bodiesFolder, { recursive: true });
    },
  };
}

for (const { engine, open } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    testMailbox(`embedded, ${engine}, bodies in the ${bodies}`, async () => worldOn(open, bodies));
  }
}
