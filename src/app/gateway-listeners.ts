/** The SMTP and LMTP listeners of a gateway, by the names that they have in the configuration. */
import { inNetworks } from "../base/network.ts";
import type { Config } from "../config/config.ts";
import type { Handlers, ListenerMode } from "../smtp/listener/handlers.ts";
import { startListener, type Listener } from "../smtp/listener/listener.ts";
import type { Events } from "./events.ts";
import { listeningFor } from "./listening.ts";
import { sealedBytes } from "./sealed-bytes.ts";
import type { SubmissionLogin } from "./sender.ts";
import type { TlsFiles } from "./tls-files.ts";
import type { Transactions } from "./transactions.ts";

export type Place = { readonly host: string; readonly port: number };

type Deps = {
  readonly config: Config;
  readonly events: Pick<Events, "failed">;
  readonly tls: TlsFiles;
  readonly transactions: Pick<Transactions, "of">;
  readonly handlers: Readonly<Record<"outgoing" | "incoming", Handlers<SubmissionLogin>>>;
};

/** Starts those that are configured; `serving` ends them. @throws AppError when an address is taken. */
export async function startGatewayListeners(
  deps: Deps,
  serving: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Listener>> {
  const { outgoing, incoming } = deps.handlers;
  const listeners = new Map<string, Listener>();
  // All stop together: a client of one does not wait for those of another.
  serving.defer(async () => {
    await Promise.all([...listeners.values()].map(async (one) => one[Symbol.asyncDispose]()));
  });
  const { submission, submissionStarttls, mx, lmtp } = deps.config.listen;
  const wanted = [
    ["submission", submission, "submission-implicit", outgoing],
    ["submission_starttls", submissionStarttls, "submission-starttls", outgoing],
    ["mx", mx, "mx", incoming],
    ["lmtp", lmtp, "lmtp", incoming],
  ] as const;
  for (const [name, place, mode, handlers] of wanted) {
    if (place === undefined) continue;
    const told = { ...handlers, ...deps.transactions.of(mode) };
    const started = listen(deps, place, mode, told);
    listeners.set(name, await listeningFor(name, place, started));
  }
  return listeners;
}

async function listen(
  { config, events, tls }: Deps,
  place: Place,
  mode: ListenerMode,
  handlers: Handlers<SubmissionLogin>,
): Promise<Listener> {
  const isSubmission = mode === "submission-implicit" || mode === "submission-starttls";
  const { limits } = config;
  const { messageBytes, recipients, idleMs, dataMs, dataOctetsPerSecond, firstCommandMs } = limits;
  const [domain] = config.domains;
  const listener = await startListener({
    ...place,
    mode,
    hostname: config.hostname,
    ...(domain === undefined ? {} : { domain }),
    tls: tls.pair,
    limits: {
      // What arrives by MX was sealed by others.
      messageBytes: isSubmission ? messageBytes : sealedBytes(limits),
      recipients,
      clients: limits.connections,
      clientsPerNetwork: limits.connectionsPerNetwork,
      isTrusted: inNetworks(limits.trustedNetworks),
      firstCommandMs,
      idleMs,
      dataMs,
      dataOctetsPerSecond,
    },
    handlers: {
      ...handlers,
      failed: (error) => {
        events.failed(mode, error);
      },
    },
  });
  tls.follow(listener.useTls);
  return listener;
}
