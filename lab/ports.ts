import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

/**
 * Ports that are free at this moment, one for each host. They are all held at once while they are chosen, so that no two
 * are the same; somebody else may still take one before its server does.
 */
export async function freePorts(hosts: readonly string[]): Promise<readonly number[]> {
  const servers = await Promise.all(hosts.map((host) => listening(host)));
  const ports = servers.map((server) => portOf(server));
  await Promise.all(servers.map((server) => closed(server)));
  return ports;
}

/** The port a listening server got. */
export function portOf(server: Server): number {
  const address = server.address();
  if (!isAddress(address)) throw new Error("the server does not listen on a port");
  return address.port;
}

async function listening(host: string): Promise<Server> {
  const server = createServer();
  server.listen({ host, port: 0, exclusive: true });
  await once(server, "listening");
  return server;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

function isAddress(address: ReturnType<Server["address"]>): address is AddressInfo {
  return address !== null && typeof address === "object";
}
