/** Strangers who hold connections: silent ones, and ones that never end a message. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Place } from "../../lab/world.ts";
import { SECOND } from "../../src/base/time.ts";
import { READER } from "../../test/support/lone-server.ts";
import type { Attack } from "./scene.ts";

/** How soon a stranger who was sent away comes again. */
const AGAIN_MS = 5 * SECOND;
/** How long the attack may take to have as much as it gets. */
const SETTLE_MS = 2 * SECOND;
const DRIP_MS = SECOND;

/** Connections of some networks (a.b.c, of loopback). */
type Crowd = { readonly networks: readonly string[]; readonly each: number };

/** Connections that say nothing, as many as are let in, and opened again when they are closed. */
export async function silent(place: Place, crowd: Crowd): Promise<Attack> {
  return held(place, crowd, async (socket) => {
    socket.resume();
    return Promise.resolve();
  });
}

/** Connections in DATA that give an octet a second. */
export async function dripping(place: Place, crowd: Crowd): Promise<Attack> {
  return held(place, crowd, async (socket) => {
    const lines = [
      "LHLO drip.test",
      "MAIL FROM:<drip@drip.test>",
      `RCPT TO:<${READER}>`,
      "DATA",
      "From: drip@drip.test",
    ];
    for (const line of lines.slice(0, -1)) {
      await once(socket, "data");
      socket.write(`${line}\r\n`);
    }
    await once(socket, "data");
    socket.write(`${lines.at(-1) ?? ""}\r\nSubject: `);
    const timer = setInterval(() => socket.write("x"), DRIP_MS);
    socket.once("close", () => {
      clearInterval(timer);
    });
  });
}

async function held(
  place: Place,
  { networks, each }: Crowd,
  talk: (socket: Socket) => Promise<void>,
): Promise<Attack> {
  const sockets = new Set<Socket>();
  const state = { isOver: false, opened: 0 };
  const open = (localAddress: string): void => {
    if (state.isOver) return;
    const socket = connect({ ...place, localAddress });
    state.opened += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      setTimeout(open, AGAIN_MS, localAddress).unref();
    });
    talk(socket).catch(() => socket.destroy());
  };
  for (const network of networks) {
    for (let at = 0; at < each; at += 1) open(`${network}.${String((at % 250) + 1)}`);
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return {
    said: () => `${String(state.opened)} connections were tried, ${String(sockets.size)} are open`,
    isReal: () => sockets.size > 0,
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
  };
}
