/**
 * HTTPS for whoever asks from outside: `startHttps` serves a `fetch` function (a Hono application's, for instance) with
 * limits on everything a client sends and with the headers that every answer of ours carries.
 */
import type { HttpBindings } from "@hono/node-server";

/** What an application finds in `c.env`: Node's own request and response. */
export type Bindings = HttpBindings;

export type HttpsOptions = {
  readonly host: string;
  readonly port: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly fetch: (request: Request, bindings: Bindings) => Response | Promise<Response>;
  /** Everything else is answered 405 before `fetch` sees it, without reading its body. Default: all. */
  readonly methods?: readonly string[];
  readonly limits?: Partial<HttpLimits>;
  /** Told of what the application threw; for the log. */
  readonly failed?: (error: unknown) => void;
};

export type HttpLimits = {
  readonly headerBytes: number;
  readonly connections: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly idleMs: number;
};

export type HttpsServer = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Takes a renewed certificate for new connections. */
  readonly useTls: (tls: { readonly cert: string; readonly key: string }) => void;
};

export async function startHttps(options: HttpsOptions): Promise<HttpsServer> {
  return Promise.reject(new Error(`${options.host} is not built yet`));
}
