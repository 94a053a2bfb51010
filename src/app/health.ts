import { createServer } from "node:http";
import { AppError } from "../base/errors.ts";
import type { Parts } from "./parts.ts";

export type Health = AsyncDisposable & { readonly host: string; readonly port: number };

/**
 * A private listener: `/healthz` says that the process runs, `/readyz` that it could do its work, 503 while the resolver
 * does not validate (then nobody can be reached safely).
 * @throws AppError when the address is taken.
 */
export async function startHealth(
  place: { readonly host: string; readonly port: number },
  parts: Pick<Parts, "testResolver">,
): Promise<Health> {
  const server = createServer({ requestTimeout: 5000 }, (request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
    };
    const answerReady = async (): Promise<void> => {
      if (await parts.testResolver()) answer(200, "ready");
      else answer(503, "the resolver does not validate DNSSEC");
    };
    if (request.url === "/healthz") answer(200, "ok");
    else if (request.url !== "/readyz") answer(404, "not here");
    else void answerReady();
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
