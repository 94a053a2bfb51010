/** Keyservers of many domains in one network that take every request and never answer. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { IssuedCertificate } from "../../lab/pki.ts";
import type { LabZone } from "../../lab/zone.ts";

/** A network that nobody else in the lab is in. */
const ADDRESS = "127.0.90.1";
const ZONE = "tarpit.test";

export type Tarpit = AsyncDisposable & {
  readonly port: number;
  /** The zone in which the domains are. */
  readonly zone: LabZone;
  /** Domains of authors, each with a keyserver of its own name. */
  readonly domains: readonly string[];
  /** The names that its certificate has to show. */
  readonly names: readonly string[];
  readonly useTls: (certificate: IssuedCertificate) => void;
  /** Requests so far, and those held now. */
  readonly requests: () => number;
  readonly held: () => number;
};

export async function startTarpit(count: number): Promise<Tarpit> {
  const sockets = new Set<TLSSocket>();
  let requests = 0;
  const server = createServer({}, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.once("data", () => {
      requests += 1;
    });
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, ADDRESS);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const labels = Array.from({ length: count }, (_, at) => `d${String(at)}`);
  return {
    port,
    domains: labels.map((label) => `${label}.${ZONE}`),
    names: [`*.${ZONE}`],
    zone: {
      name: ZONE,
      signing: "signed",
      records: labels.flatMap((label) => [
        `_hkp._tcp.${label} IN SRV 0 0 ${String(port)} keys-${label}`,
        `keys-${label} IN A ${ADDRESS}`,
      ]),
    },
    useTls: ({ cert, key }) => {
      server.setSecureContext({ cert, key });
    },
    requests: () => requests,
    held: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
