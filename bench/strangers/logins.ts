/** Strangers who guess passwords, and an honest login. */
import { once } from "node:events";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Place } from "../../lab/world.ts";
import { SECOND } from "../../src/base/time.ts";
import { PASSWORD, READER } from "../../test/support/lone-server.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import type { Attack } from "./scene.ts";

export const NAME = "mail.alpha.test";
/** Guesses on one connection; the server lets no more through. */
const GUESSES = 3;
/** How long the attack may take to have as much as it gets. */
const SETTLE_MS = 3 * SECOND;

export async function logsIn(place: Place, ca: string): Promise<boolean> {
  await using client = await RawSmtp.connect(place, { ca, serverName: NAME });
  await client.ask("EHLO c.test");
  const token = Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64");
  return (await client.ask(`AUTH PLAIN ${token}`)).startsWith("235");
}

/** Clients at these addresses, each of which tries one new account after the other. */
export async function guessing(
  place: Place,
  ca: string,
  addresses: readonly string[],
): Promise<Attack> {
  const state = { isOver: false, guesses: 0, waiting: 0 };
  const all = addresses.map(async (localAddress) => guess(place, ca, localAddress, state));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const before = state.guesses;
  return {
    said: () =>
      `${String(state.guesses)} guesses so far, ${String(state.waiting)} wait for an answer`,
    isReal: () => state.guesses > before && state.waiting > 0,
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      const late = new Promise((resolve) => setTimeout(resolve, 5 * SECOND));
      await Promise.race([Promise.all(all), late]);
    },
  };
}

type Guesses = { isOver: boolean; guesses: number; waiting: number };

async function guess(
  place: Place,
  ca: string,
  localAddress: string,
  state: Guesses,
): Promise<void> {
  while (!state.isOver) {
    // The types of node:tls lack `localAddress`, which it hands on to node:net.
    const from: ConnectionOptions & { readonly localAddress: string } = {
      ...place,
      ca,
      servername: NAME,
      localAddress,
    };
    const socket = connectTls(from);
    socket.on("error", () => undefined);
    const isAnswered = async (): Promise<unknown> =>
      Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => undefined);
    await isAnswered();
    if (!socket.destroyed) socket.write("EHLO guess.test\r\n");
    await isAnswered();
    for (let tried = 0; tried < GUESSES && !socket.destroyed; tried += 1) {
      state.guesses += 1;
      const name = `nobody${String(state.guesses)}@alpha.test`;
      socket.write(`AUTH PLAIN ${Buffer.from(`\0${name}\0guess`).toString("base64")}\r\n`);
      state.waiting += 1;
      await isAnswered();
      state.waiting -= 1;
    }
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** How soon a stranger who was sent away comes again. */
const AGAIN_MS = 5 * SECOND;
