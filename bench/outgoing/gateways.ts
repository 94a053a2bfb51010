/** One or two gateways of one installation, whose mail goes to a next hop that costs next to nothing. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { sealpostCommand } from "../../lab/run.ts";
import type { Place } from "../../lab/world.ts";
import { makeLoneServer, PASSWORD, type Serving } from "../../test/support/lone-server.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import { costOf } from "../figures/at-rest.ts";
import { processorMs } from "../figures/processor-time.ts";
import { addCareless } from "../gateway/careless.ts";

const CONNECTIONS = 1000;

export type Gateways = AsyncDisposable & {
  /** So many clients of a user, spread over the processes, who have logged in. */
  readonly logIn: (
    address: string,
    count: number,
  ) => Promise<AsyncDisposable & { readonly clients: readonly RawSmtp[] }>;
  /** Processor time of all processes in milliseconds, until they rest again. */
  readonly costOf: (work: () => Promise<void>) => Promise<number>;
};

export async function startGateways(
  dir: string,
  o: {
    readonly database: Readonly<Record<string, string>>;
    readonly processes: number;
    readonly hop: Place;
  },
): Promise<Gateways> {
  const any = { host: "127.0.0.1", port: 0 };
  const server = await makeLoneServer(dir, o.database, {
    listen: { submission: any, metrics: any },
    relay: { ...o.hop },
    limits: { connections: CONNECTIONS, connections_per_network: CONNECTIONS - 1 },
  });
  await addCareless(server.config, sealpostCommand);
  await using ends = new AsyncDisposableStack();
  const processes: Serving[] = [];
  while (processes.length < o.processes) processes.push(ends.use(await server.serve("gateway")));
  const places = processes.map((one) => one.place("submission"));
  const ca = await readFile(join(dir, "pki/ca.pem"), "utf8");
  const started = ends.move();
  return {
    logIn: async (address, count) => {
      await using connected = new AsyncDisposableStack();
      const clients: RawSmtp[] = [];
      const plain = Buffer.from(`\0${address}\0${PASSWORD}`).toString("base64");
      while (clients.length < count) {
        const place = places[clients.length % places.length] ?? any;
        const client = connected.use(
          await RawSmtp.connect(place, { ca, serverName: "mail.alpha.test" }),
        );
        const answer = await client.all(["EHLO laptop.home", `AUTH PLAIN ${plain}`]);
        if (!answer.startsWith("235")) throw new Error(answer);
        clients.push(client);
      }
      const all = connected.move();
      return { clients, [Symbol.asyncDispose]: async () => all.disposeAsync() };
    },
    costOf: async (work) =>
      costOf(async () => {
        const spent = await Promise.all(processes.map(async (one) => processorMs(one.process.pid)));
        return spent.reduce((sum, ms) => sum + ms, 0);
      }, work),
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}
