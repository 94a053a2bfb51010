import { createServer } from "node:http";

import { errorText } from "../base/errors.ts";
import type { DatabaseGuard } from "./database-guard.ts";
import type { Metrics } from "./metrics.ts";
import type { NextHops } from "./next-hop.ts";

export type Health = AsyncDisposable & { readonly host: string; readonly port: number };

/** What the private listener asks. */
export type HealthSources = {
  /** Whether the resolver validates, by its last self-test. */
  readonly testResolver: () => Promise<boolean>;
  readonly guard: Pick<DatabaseGuard, "look">;
  readonly hops: Pick<NextHops, "look">;
  readonly metrics: Metrics["page"];
  /** What is wrong with the clock of this host. */
  readonly clockTrouble: () => Promise<string | undefined>;
};

/**
 * A private listener: `/healthz` says that the process runs, `/readyz` that it could do its work, `/metrics` has its
 * figures. `/readyz` answers 503, with the reason, while the resolver does not validate: nobody can be reached safely
 * then. It does so too while the database keeps nothing, because nothing is accepted then. While a next hop gives no
 * answer, or the clock is wrong, it says 200 and `degraded`: mail still comes in.
 * @throws Error when the address is taken.
 */
export async function startHealth(
  place: { readonly host: string; readonly port: number },
  sources: HealthSources,
): Promise<Health> {
  const server = createServer({ requestTimeout: 5000 }, (request, response) => {
    const answer = (status: number, text: string, type = "text/plain"): void => {
      response.writeHead(status, { "content-type": type }).end(`${text.trimEnd()}\n`);
    };
    const answering = async (): Promise<void> => {
      if (request.url === "/healthz") answer(200, "ok");
      else if (request.url === "/readyz") answer(...(await readiness(sources)));
      else if (request.url === "/metrics") {
        const { type, text } = await sources.metrics();
        answer(200, text, type);
      } else answer(404, "not here");
    };
    answering().catch((error: unknown) => {
      answer(503, errorText(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(cause);
    });
    server.listen(place.port, place.host, resolve);
  });
  // A client that breaks its connection is not our error.
  server.on("error", () => undefined);
  const address = server.address();
  return {
    host: place.host,
    port: typeof address === "object" && address !== null ? address.port : place.port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readiness({
  guard,
  testResolver,
  hops,
  clockTrouble,
}: HealthSources): Promise<readonly [status: number, text: string]> {
  const database = await guard.look();
  if (database.kind === "bad") return [503, database.why];
  if (!(await testResolver())) return [503, "the resolver does not validate DNSSEC"];
  const down = (await hops.look()).filter(({ why }) => why !== undefined);
  const clock = await clockTrouble();
  const lines = [
    ...down.map(({ hop, why }) => `the next hop ${hop} gives no answer: ${why}`),
    ...(clock === undefined ? [] : [clock]),
  ];
  return [200, lines.length === 0 ? "ready" : `degraded: ${lines.join("; ")}`];
}
