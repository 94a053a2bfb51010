/** A gateway process of some checkout, with two users and a next hop, and what it spends. */
import { get } from "node:http";
import { join } from "node:path";
import { type Sink, startSink } from "../../lab/sink.ts";
import type { Place } from "../../lab/world.ts";
import { makeLoneServer, PASSWORD } from "../../test/support/lone-server.ts";
import { connectClient, type MailClient } from "../../test/support/mail-client.ts";
import { costOf } from "../figures/at-rest.ts";
import { processorMs } from "../figures/processor-time.ts";
import { addCareless } from "./careless.ts";

export type MeasuredGateway = AsyncDisposable & {
  readonly lmtp: Place;
  readonly sink: Sink;
  /** A client that has logged in, so that no login is measured: READER's, whose mail is sealed, or CARELESS's. */
  readonly logIn: (address: string) => Promise<MailClient>;
  /** How many sealed messages were opened so far. */
  readonly opened: () => Promise<number>;
  /** Processor time of the process in milliseconds, from the beginning of the work until the process rests again. */
  readonly costOf: (work: () => Promise<void>) => Promise<number>;
};

/** Installs and starts the gateway that `program` is the command line of. */
export async function startMeasured(dir: string, program: string): Promise<MeasuredGateway> {
  await using ends = new AsyncDisposableStack();
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const extra = {
    listen: { submission: any, lmtp: any, keyserver: any, metrics: any },
    relay: { host: sink.host, port: sink.port },
    limits: { pending_bytes: 2_000_000_000 },
  };
  const server = await makeLoneServer(dir, database, extra, program);
  await addCareless(server.config, program);
  const gateway = ends.use(await server.serve("gateway"));
  const metrics = gateway.place("metrics");
  const spentMs = async (): Promise<number> => processorMs(gateway.process.pid);
  const started = ends.move();
  return {
    lmtp: gateway.place("lmtp"),
    sink,
    logIn: async (address) =>
      connectClient({
        place: gateway.place("submission"),
        serverName: "mail.alpha.test",
        ca: join(dir, "pki/ca.pem"),
        account: { address, password: PASSWORD, custody: "provider-usable" },
      }),
    opened: async () => figure(await pageAt(metrics), 'sealpost_opened_total{outcome="opened"}'),
    costOf: async (work) => costOf(spentMs, work),
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

async function pageAt(metrics: Place): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ ...metrics, path: "/metrics" }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve(Buffer.concat(chunks).toString());
      });
    });
    request.on("error", reject);
  });
}

function figure(page: string, name: string): number {
  const line = page.split("\n").find((one) => one.startsWith(name)) ?? "";
  return Number(line.split(" ").at(-1) ?? 0);
}
