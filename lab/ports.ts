import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

const ATTEMPTS = 50;

/** Ports for servers that other programs will start; nobody who asks here is given the same until they are disposed. */
export type Reservation = AsyncDisposable & { readonly ports: readonly number[] };

/**
 * A free TCP port for each of these hosts. The UDP port of the same number is held meanwhile: it does not disturb the
 * server, and keeps other labs on this machine away while nobody listens yet.
 */
export async function reservePorts(hosts: readonly string[]): Promise<Reservation> {
  const held = await Promise.all(hosts.map((host) => reserve(host)));
  return {
    ports: held.map(({ port }) => port),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(held.map(async ({ lock }) => closed(lock)));
    },
  };
}

/** The port a listening server got. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("it listens on no port");
  return address.port;
}

async function reserve(host: string): Promise<{ readonly port: number; readonly lock: Socket }> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const server = createServer().listen({ host, port: 0, exclusive: true });
    await once(server, "listening");
    const port = portOf(server);
    const lock = await lockOf(host, port);
    await closed(server);
    if (lock !== undefined) return { port, lock };
  }
  throw new Error(`no free port on ${host}`);
}

async function lockOf(host: string, port: number): Promise<Socket | undefined> {
  const socket = createSocket("udp4");
  try {
    socket.bind({ address: host, port, exclusive: true });
    await once(socket, "listening");
    return socket;
  } catch {
    socket.close();
    return undefined; // Somebody else's: the next one is tried.
  }
}

async function closed(resource: Server | Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    resource.close(() => {
      resolve();
    });
  });
}
