import { createServer } from "node:http";
import { AppError, errorText } from "../base/errors.ts";
import type { DatabaseGuard } from "./database-guard.ts";
import type { Parts } from "./parts.ts";

export type Health = AsyncDisposable & { readonly host: string; readonly port: number };

/**
 * A private listener: `/healthz` says that the process runs, `/readyz` that it could do its work. `/readyz` answers 503,
 * with the reason, while the resolver does not validate (then nobody can be reached safely), and while the database keeps
 * nothing (then nothing is accepted).
 * @throws AppError when the address is taken.
 */
export async function startHealth(
  place: { readonly host: string; readonly port: number },
  parts: Pick<Parts, "testResolver">,
  guard: Pick<DatabaseGuard, "look">,
): Promise<Health> {
  const server = createServer({ requestTimeout: 5000 }, (request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
    };
    const answerReady = async (): Promise<void> => {
      const database = await guard.look();
      if (database.kind === "bad") answer(503, database.why);
      else if (await parts.testResolver()) answer(200, "ready");
      else answer(503, "the resolver does not validate DNSSEC");
    };
    if (request.url === "/healthz") answer(200, "ok");
    else if (request.url !== "/readyz") answer(404, "not here");
    else {
      answerReady().catch((error: unknown) => {
        answer(503, errorText(error));
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new AppError(`cannot listen at ${place.host}:${String(place.port)}`, {
          temporary: false,
          cause,
        }),
      );
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
