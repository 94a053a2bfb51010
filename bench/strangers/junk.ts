/** Mail that strangers make: sealed for a reader, from whatever address they write outside. */
import type { Place } from "../../lab/world.ts";
import { DAY, systemClock, after } from "../../src/base/time.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { findPublished } from "../../src/store/keys/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "../../test/support/address.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import type { Attack } from "./scene.ts";

const AUTHOR = "stranger@tarpit.test";
/** Connections that bring junk at once. */
const CLIENTS = 5;
/** How long each waits after a message, once the first have been brought: two messages a second in all. */
const PAUSE_MS = 2500;

/** A sealed message for this reader, whose author outside can be anybody. */
export async function sealedFor(
  store: Store,
  reader: string,
): Promise<(author: string, id: string) => Buffer> {
  const row = await findPublished(store, addressOf(reader));
  if (row === undefined) throw new Error(`${reader} has no key`);
  const now = systemClock.now();
  const profile = "compat";
  const made = await generateKey({ address: addressOf(AUTHOR), profile, now: after(now, -DAY) });
  const header = `From: ${AUTHOR}\r\nTo: ${reader}\r\nMessage-ID: <id@tarpit.test>\r\n`;
  const sealed = await seal({
    message: Buffer.from(`${header}Subject: Junk\r\n\r\nJunk.\r\n`),
    signer: await readSecretKey(made.secretKey),
    recipients: [await certificateIn(row)],
    intended: [row.fingerprint],
    now,
  });
  const text = Buffer.from(sealed).toString("latin1");
  return (author, id) =>
    Buffer.from(text.replace(AUTHOR, author).replace("id@tarpit.test", id), "latin1");
}

/**
 * Brings `first` messages, then more of them with pauses until it is disposed. `told` says what else is known of the attack;
 * it is real while `isReal` and messages are taken.
 */
export async function bringing(o: {
  readonly mx: Place;
  readonly reader: string;
  readonly first: number;
  readonly message: (at: number) => Buffer;
  readonly told?: () => string;
  readonly isReal?: () => boolean;
}): Promise<Attack> {
  const state = { isOver: false, begun: 0, taken: 0, refused: 0 };
  const enough = Promise.withResolvers<undefined>();
  const one = async (): Promise<void> => {
    await using client = await RawSmtp.connect(o.mx);
    await client.ask("EHLO stranger.test");
    while (!state.isOver) {
      const isFirst = state.begun < o.first;
      state.begun += 1;
      const body = o.message(state.begun).toString("latin1");
      await client.all(["MAIL FROM:<stranger@tarpit.test>", `RCPT TO:<${o.reader}>`, "DATA"]);
      const isTaken = (await client.ask(`${body.trimEnd()}\r\n.`)).startsWith("250");
      state[isTaken ? "taken" : "refused"] += 1;
      if (state.taken + state.refused >= o.first) enough.resolve(undefined);
      if (!isFirst) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, one));
  await Promise.race([enough.promise, all]);
  const before = state.taken;
  return {
    said: () =>
      `${String(state.taken)} messages were taken, ${String(state.refused)} refused` +
      (o.told === undefined ? "" : `; ${o.told()}`),
    isReal: () => state.taken > before && (o.isReal?.() ?? true),
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      await all;
    },
  };
}
