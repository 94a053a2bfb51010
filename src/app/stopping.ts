/** Resolves at SIGTERM or SIGINT: the end of every role that serves. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/**
 * Says on stdout that a role serves, in one line that begins with `ready`: whoever started it waits for that.
 * `places` are name=host:port pairs.
 */
export function sayReady(role: string, places: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(places).map(([name, place]) => `${name}=${place}`);
  process.stdout.write(`${["ready", role, ...pairs].join(" ")}\n`);
}
