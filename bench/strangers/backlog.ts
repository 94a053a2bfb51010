/** An account whose mail has waited for its password, and whose logins have it opened, again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/time.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { walkWaiting } from "../../src/spool/waiting-list.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { findPublished } from "../../src/store/keys/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "../../test/support/address.ts";
import type { MailClient } from "../../test/support/mail-client.ts";
import { sealedRow } from "../../test/support/sealed-rows.ts";
import { sealedFor } from "./junk.ts";
import type { Attack } from "./scene.ts";
import { idAt } from "../../test/support/accounts.ts";

const LOOK_MS = 100;
/** How many messages a login finds at least; below that there are more, and another login. */
const LEAST = 300;
/** Messages that are put there in one transaction, which others wait for. */
const TOGETHER = 10;

/** Has messages wait there and logs in, until it is disposed: however fast the machine is, it is never ready. */
export async function waitingAtLogin(o: {
  readonly store: Store;
  readonly reader: string;
  readonly login: () => Promise<MailClient>;
}): Promise<Attack> {
  const account = await idAt(o.store, addressOf(o.reader));
  const put = await puttingTo(o.store, o.reader);
  const left = async (): Promise<number> =>
    (await Array.fromAsync(walkWaiting(o.store, account))).filter(
      ({ verdict }) => verdict.state === "LOCKED",
    ).length;
  const logins = new DisposableStack();
  const state = { isOver: false, stored: 0, logins: 0 };
  const more = async (): Promise<void> => {
    for (let count = 0; count < LEAST; count += TOGETHER) await put(TOGETHER);
    state.stored += LEAST;
    state.logins += 1;
    logins.use(await o.login());
  };
  await more();
  await more();
  const running = (async () => {
    for (; !state.isOver; await sleep(LOOK_MS)) if ((await left()) < LEAST) await more();
  })();
  return {
    said: async () =>
      `${String(await left())} of ${String(state.stored)} messages still wait, after ${String(state.logins)} logins`,
    isReal: async () => (await left()) > 0,
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      await running;
      logins.dispose();
      // The next scene begins in peace.
      while ((await left()) > 0) await sleep(LOOK_MS);
    },
  };
}

/** Puts so many more messages there, in one transaction. */
async function puttingTo(store: Store, reader: string): Promise<(count: number) => Promise<void>> {
  const address = addressOf(reader);
  const account = await idAt(store, address);
  const published = await findPublished(store, address);
  const recipients = published === undefined ? [] : [await certificateIn(published)];
  const make = await sealedFor(store, reader);
  const from = "stranger@legacy.test";
  let stored = 0;
  return async (count) =>
    store.transaction(async (tx) => {
      const receivedAt = systemClock.now();
      for (let at = 0; at < count; at += 1) {
        const body = make(from, `backlog${String((stored += 1))}@legacy.test`);
        await haveWaiting(tx, {
          account,
          ...(await sealedRow(body, recipients, receivedAt)),
          verdict: locked(receivedAt),
          receivedAt,
          sizeBytes: body.length,
          outerFrom: from,
        });
      }
    });
}
