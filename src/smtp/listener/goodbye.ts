/** How clients are sent away: those that may not come in, stay silent, or make room for others. */
import type { Socket } from "node:net";
import type { SMTPServer, SMTPServerSession } from "smtp-server";

import type { Why } from "../../base/crowd.ts";
import { plainAddress } from "../../base/network.ts";

const TEXTS: Readonly<Record<Why, string>> = {
  network: "4.7.0 too many connections from your network",
  full: "4.3.2 too many connections; try again later",
  idle: "4.4.2 idle while others wait",
};

type Place = { readonly remoteAddress?: string | undefined; readonly remotePort?: unknown };

/** Who is at the other end: the same for a socket, for what smtp-server makes of it, and for its session. */
function placeOf({ remoteAddress = "", remotePort }: Place): string {
  return `${plainAddress(remoteAddress)} ${String(remotePort)}`;
}

export class Goodbyes {
  /** Connections that came and may not stay, until they can be told. */
  readonly #refused = new Map<string, string>();
  #server: SMTPServer | undefined;

  attach(server: SMTPServer): void {
    this.#server = server;
  }

  /** Ends a connection with 421, at once or as soon as something can be said on it. */
  sendAway(socket: Socket, why: Why): void {
    const connection = this.connectionOver(socket);
    if (connection !== undefined) connection.send(421, TEXTS[why]);
    else if (why === "idle") socket.destroy();
    else {
      const place = placeOf(socket);
      this.#refused.set(place, TEXTS[why]);
      socket.once("close", () => this.#refused.delete(place));
    }
  }

  /** Why a session that just began may not go on. */
  refusalOf(session: SMTPServerSession): string | undefined {
    return this.#refused.get(placeOf(session));
  }

  /** Ends a session with 421, by its ID. */
  say(id: string, text: string): void {
    this.connectionOf(id)?.send(421, text);
  }

  /** The same on every connection that nothing is done for. */
  sayToIdle(isBusy: (id: string) => boolean, text: string): void {
    for (const connection of this.#connections()) {
      if (!isBusy(connection.id)) connection.send(421, text);
    }
  }

  /** smtp-server's connection over a socket. */
  connectionOver(socket: Socket) {
    const place = placeOf(socket);
    return this.#connections().find((one) => placeOf(one) === place);
  }

  /** smtp-server's connection by the ID of its session. */
  connectionOf(id: string) {
    return this.#connections().find((one) => one.id === id);
  }

  #connections() {
    return [...(this.#server?.connections ?? [])];
  }
}
