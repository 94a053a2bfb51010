/** The connections of a server: how many it holds, how many from one network, and who has to go when it is full. */
import type { Server, Socket } from "node:net";
import { networkOf } from "./network.ts";
import { SECOND } from "./time.ts";

export type CrowdLimits = {
  /** Connections in all. */
  readonly connections: number;
  /** Of one network (/24 or /48), so that nobody keeps all others out. */
  readonly perNetwork: number;
};

export type CrowdOptions = CrowdLimits & {
  /** Networks that only the limit in all holds for: the mail server's own, or a balancer's. */
  readonly isTrusted?: (address: string) => boolean;
  /** Whether something is being done on a connection, so that it must not go. */
  readonly isBusy?: (socket: Socket) => boolean;
  /** Ends a connection that may not stay, or not come in. Default: destroys it. */
  readonly end?: (socket: Socket, why: Why) => void;
};

/** Why a connection ends: its network has all it may have, the server is full, or it was the idlest when others came. */
export type Why = "network" | "full" | "idle";

export type Crowd = Disposable & { readonly sockets: () => readonly Socket[] };

type Member = { readonly network: string; octets: number; activeAt: number };

/** How often it is looked at who is silent. */
const LOOK_MS = SECOND;
/** Silence from which a connection may have to make room. */
const IDLE_MS = 5 * SECOND;

/**
 * Watches the connections of a server from now on. When it is full, the connection that has been silent longest ends, if
 * there is one that is idle and not busy; else whoever comes is turned away.
 */
export function watchCrowd(server: Server, options: CrowdOptions): Crowd {
  const members = new Map<Socket, Member>();
  const counts = new Map<string, number>();
  const { isTrusted = () => false, isBusy = () => false } = options;
  const end = options.end ?? destroy;
  const now = (): number => performance.now();

  const look = (): void => {
    for (const [socket, member] of members) {
      const octets = socket.bytesRead + socket.bytesWritten;
      if (octets === member.octets && !isBusy(socket)) continue;
      member.octets = octets;
      member.activeAt = now();
    }
  };
  const makeRoom = (): boolean => {
    look();
    let idlest: Socket | undefined;
    let since = now() - IDLE_MS;
    for (const [socket, { activeAt }] of members) {
      if (activeAt > since) continue;
      since = activeAt;
      idlest = socket;
    }
    if (idlest === undefined) return false;
    forget(idlest);
    end(idlest, "idle");
    return true;
  };
  const forget = (socket: Socket): void => {
    const member = members.get(socket);
    if (member === undefined) return;
    members.delete(socket);
    const left = (counts.get(member.network) ?? 1) - 1;
    if (left > 0) counts.set(member.network, left);
    else counts.delete(member.network);
  };
  const arrive = (socket: Socket): void => {
    const address = socket.remoteAddress ?? "";
    const network = networkOf(address);
    const count = counts.get(network) ?? 0;
    if (count >= options.perNetwork && !isTrusted(address)) {
      end(socket, "network");
      return;
    }
    if (members.size >= options.connections && !makeRoom()) {
      end(socket, "full");
      return;
    }
    counts.set(network, count + 1);
    members.set(socket, { network, octets: 0, activeAt: now() });
    socket.once("close", () => {
      forget(socket);
    });
  };
  const timer = setInterval(look, LOOK_MS).unref();
  server.prependListener("connection", arrive);
  return {
    sockets: () => [...members.keys()],
    [Symbol.dispose]: () => {
      clearInterval(timer);
      server.off("connection", arrive);
    },
  };
}

function destroy(socket: Socket): void {
  socket.destroy();
}
