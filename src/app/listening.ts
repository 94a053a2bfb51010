import { AppError, errorText } from "../base/errors.ts";

/**
 * Waits for a listener of the table `[listen.NAME]`.
 * @throws AppError that says what to do when it cannot listen there.
 */
export async function listeningFor<T>(
  name: string,
  { host, port }: { readonly host: string; readonly port: number },
  started: Promise<T>,
): Promise<T> {
  try {
    return await started;
  } catch (cause) {
    const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
    const what = `cannot listen at ${host}:${String(port)} ([listen.${name}])`;
    const todo = typeof code === "string" ? TODO[code]?.(port) : undefined;
    throw new AppError(`${what}: ${todo ?? errorText(cause)}`, { temporary: false, cause });
  }
}

const TODO: Readonly<Record<string, (port: number) => string>> = {
  EADDRINUSE: (port) =>
    `another program listens there; find it with: ss -ltnp 'sport = :${String(port)}', and stop it, or give one of the two another port`,
  EACCES: () =>
    "ports below 1024 need a right; give the service CAP_NET_BIND_SERVICE (AmbientCapabilities= in its unit), or choose a port from 1024 on",
  EADDRNOTAVAIL: () =>
    "this machine has no such address; write one that `ip address` shows, or 0.0.0.0 for all",
  ENOTFOUND: () => "there is no such host; write an IP address of this machine",
};
