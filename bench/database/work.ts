/** What is asked of a database for mail that comes in. */
import { randomBytes } from "node:crypto";
import { findReader } from "../../src/accounts/accounts.ts";
import { systemClock } from "../../src/base/time.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { recordTrace } from "../../src/journal/trace.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { readMessage } from "../../src/spool/spool.ts";
import { walkWaiting } from "../../src/spool/waiting-list.ts";
import { haveWaiting, spoolIn } from "../../test/support/spool.ts";
import { roomFor } from "../../src/mailbox/room.ts";
import type { Store } from "../../src/store/store.ts";
import { idOf } from "../../test/support/accounts.ts";

export const READER = parseAddress("rosa@alpha.test") ?? never();
/** As large as a listener takes it. */
export const LARGE_OCTETS = 35_000_000;
const QUOTA = { mailboxBytes: 1e12, pendingBytes: 1e12 };

function never(): never {
  throw new Error("no address");
}

/** RCPT, DATA and the answer of one message: the recipient and their room twice, a transaction, and the trace of the answer. */
export async function deliverMessage(store: Store, body: Uint8Array): Promise<string> {
  const receivedAt = systemClock.now();
  const messageId = `<${randomBytes(8).toString("hex")}@bench.test>`;
  const entry = {
    messageId,
    at: receivedAt,
    direction: "in",
    detail: { state: "LOCKED" },
  } as const;
  for (let time = 0; time < 2; time += 1) {
    if ((await findReader(store, READER)) === undefined) throw new Error("nobody is there");
    if ((await roomFor(store, idOf(READER), QUOTA, body.length)) !== "room")
      throw new Error("no room");
  }
  const id = await store.transaction(async (tx) => {
    const stored = await haveWaiting(tx, {
      account: idOf(READER),
      body,
      form: "sealed",
      verdict: locked(receivedAt),
      receivedAt,
      sizeBytes: body.length,
      outerFrom: "stranger@beta.test",
      messageId,
      envelopeId: messageId,
      contentHash: randomBytes(32),
    });
    await recordTrace(tx, { ...entry, step: "delivered" });
    return stored;
  });
  await recordTrace(store, { ...entry, step: "answered" });
  return id;
}

export async function readBack(store: Store, id: string): Promise<number> {
  return (await readMessage(spoolIn(store), idOf(READER), id))?.body.length ?? 0;
}

export async function listed(store: Store): Promise<number> {
  return (await Array.fromAsync(walkWaiting(store, idOf(READER)))).length;
}
