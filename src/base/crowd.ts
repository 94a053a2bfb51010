/** The connections of a server: how many it holds, how many from one network, and who has to go when it is full. */
import { networkOf } from "./network.ts";
import { SECOND } from "./time.ts";

/** What is needed of a socket of `node:net`. */
type Socket = {
  readonly remoteAddress?: string | undefined;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly once: (event: "close", listener: () => void) => unknown;
  readonly destroy: () => unknown;
};

/** What is needed of a server of `node:net`. */
type Server<S> = {
  readonly prependListener: (event: "connection", listener: (socket: S) => void) => unknown;
  readonly off: (event: "connection", listener: (socket: S) => void) => unknown;
};

export type CrowdLimits = {
  /** Connections in all. */
  readonly connections: number;
  /** Of one network (/24 or /48), so that nobody keeps all others out. */
  readonly perNetwork: number;
};

export type CrowdOptions<S> = CrowdLimits & {
  /** Networks that only the limit in all holds for: the mail server's own, or a balancer's. */
  readonly isTrusted?: (address: string) => boolean;
  /** Whether something is being done on a connection, so that it must not go. */
  readonly isBusy?: (socket: S) => boolean;
  /** Ends a connection that may not stay, or not come in. Default: destroys it. */
  readonly end?: (socket: S, why: Why) => void;
};

/** Why a connection ends: its network has all it may have, the server is full, or it was the idlest when others came. */
export type Why = "network" | "full" | "idle";

/** How often it is looked at who is silent. */
const LOOK_MS = SECOND;
/** Silence from which a connection may have to make room. */
const IDLE_MS = 5 * SECOND;

type Member = { readonly network: string; octets: number; activeAt: number };

/**
 * Watches the connections of a server from now on. When it is full, the connection that has been silent longest ends, if
 * there is one that is idle and not busy; else whoever comes is turned away.
 */
export class Crowd<S extends Socket> implements Disposable {
  readonly #server: Server<S>;
  readonly #options: Required<CrowdOptions<S>>;
  readonly #members = new Map<S, Member>();
  readonly #counts = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(server: Server<S>, options: CrowdOptions<S>) {
    this.#server = server;
    this.#options = { ...DEFAULTS, ...options };
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_MS).unref();
    server.prependListener("connection", this.#arrive);
  }

  get sockets(): readonly S[] {
    return [...this.#members.keys()];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#server.off("connection", this.#arrive);
  }

  readonly #arrive = (socket: S): void => {
    const { perNetwork, connections, isTrusted, end } = this.#options;
    const address = socket.remoteAddress ?? "";
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= perNetwork && !isTrusted(address)) {
      end(socket, "network");
    } else if (this.#members.size >= connections && !this.#makeRoom()) {
      end(socket, "full");
    } else {
      this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
      this.#members.set(socket, { network, octets: 0, activeAt: performance.now() });
      socket.once("close", () => {
        this.#forget(socket);
      });
    }
  };

  #look(): void {
    for (const [socket, member] of this.#members) {
      const octets = socket.bytesRead + socket.bytesWritten;
      if (octets === member.octets) continue;
      member.octets = octets;
      member.activeAt = performance.now();
    }
  }

  #makeRoom(): boolean {
    const since = performance.now() - IDLE_MS;
    const idle = [...this.#members].filter(([, { activeAt }]) => activeAt <= since);
    const longestFirst = idle.toSorted(([, a], [, b]) => a.activeAt - b.activeAt);
    const [idlest] = longestFirst.find(([socket]) => !this.#options.isBusy(socket)) ?? [];
    if (idlest === undefined) return false;
    this.#forget(idlest);
    this.#options.end(idlest, "idle");
    return true;
  }

  #forget(socket: S): void {
    const member = this.#members.get(socket);
    if (member === undefined) return;
    this.#members.delete(socket);
    const left = (this.#counts.get(member.network) ?? 1) - 1;
    if (left > 0) this.#counts.set(member.network, left);
    else this.#counts.delete(member.network);
  }
}

const DEFAULTS: Pick<Required<CrowdOptions<Socket>>, "isTrusted" | "isBusy" | "end"> = {
  isTrusted: () => false,
  isBusy: () => false,
  end: (socket) => {
    socket.destroy();
  },
};
