/** An account whose mail has waited for its password, and whose login has it opened. */
import { systemClock } from "../../src/base/time.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { certificateIn } from "../../src/keys/publication.ts";
import { listWaiting, storeMessage } from "../../src/mailbox/embedded.ts";
import { findPublished } from "../../src/store/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import type { MailClient } from "../../test/support/mail-client.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { addressOf, sealedFor } from "./junk.ts";
import type { Attack } from "./scene.ts";

const LOOK_MS = 100;

/** Puts `count` messages there and logs in. */
export async function waitingAtLogin(o: {
  readonly store: Store;
  readonly reader: string;
  readonly count: number;
  readonly login: () => Promise<MailClient>;
}): Promise<Attack> {
  const account = addressOf(o.reader);
  const make = await sealedFor(o.store, o.reader);
  const published = await findPublished(o.store, account);
  const recipients = published === undefined ? [] : [await certificateIn(published)];
  const receivedAt = systemClock.now();
  const from = "stranger@legacy.test";
  await o.store.transaction(async (tx) => {
    for (let at = 0; at < o.count; at += 1) {
      const body = make(from, `backlog${String(at)}@legacy.test`);
      await storeMessage(tx, {
        account,
        ...(await sealedRow(body, recipients, receivedAt)),
        state: "pending",
        verdict: locked(receivedAt),
        receivedAt,
        sizeBytes: body.length,
        outerFrom: from,
      });
    }
  });
  const left = async (): Promise<number> =>
    (await listWaiting(o.store, account)).filter(({ verdict }) => verdict.state === "LOCKED")
      .length;
  const client = await o.login();
  return {
    said: async () => `${String(await left())} of ${String(o.count)} messages still wait`,
    isReal: async () => (await left()) > 0,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      // The next scene begins in peace.
      while ((await left()) > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    },
  };
}
