import type { Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Resolver } from "../dns/dns.ts";
import { openResolver, type OpenResolver } from "../dns/open-resolver.ts";
import type { Events } from "./events.ts";

export type LazyResolver = Disposable & {
  readonly resolver: Resolver;
  /** Whether the resolver validates, by its last self-test; the first call makes the first one. */
  readonly testResolver: () => Promise<boolean>;
};

/** A resolver that is opened, and so tested, by the first question: most commands ask none. */
export function lazyResolver(
  { resolver }: Pick<Config, "resolver">,
  { clock, events }: { readonly clock: Clock; readonly events: Pick<Events, "resolverTested"> },
): LazyResolver {
  let opening: Promise<OpenResolver> | undefined;
  const open = async (): Promise<OpenResolver> =>
    (opening ??= openResolver({
      host: resolver.host,
      port: resolver.port,
      timeoutMs: resolver.timeoutMs,
      signedName: resolver.signedName,
      ...(resolver.bogusName === undefined ? {} : { bogusName: resolver.bogusName }),
      clock,
      onResult: (result) => {
        const reason = result.kind === "failed" ? result.reason : "";
        events.resolverTested({ isValidating: result.kind === "passed", reason });
      },
    }));
  return {
    resolver: {
      srv: async (name, signal) => (await open()).srv(name, signal),
      addresses: async (name, signal) => (await open()).addresses(name, signal),
    },
    testResolver: async () => (await open()).selfTest().kind === "passed",
    [Symbol.dispose]: () => {
      void opening?.then((opened) => {
        opened[Symbol.dispose]();
      });
    },
  };
}
