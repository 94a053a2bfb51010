/** Stock GnuPG in a home of its own, which finds the lab's keyservers by name and trusts the lab's authority. */
import type { RunOptions, RunResult } from "./run.ts";

export type GnupgOptions = {
  /** GNUPGHOME; made when missing. A socket's path is short: keep it below about 80 characters. */
  readonly home: string;
  /** PEM file of the authority that keyservers must have their certificates from. */
  readonly caFile?: string;
  /** Addresses of hosts that no DNS knows: `{ "keys.alpha.test": "127.0.0.2" }`. */
  readonly hosts?: Readonly<Record<string, string>>;
};

export type Gnupg = AsyncDisposable & {
  readonly home: string;
  /** Runs gpg in batch mode to its end, however it ends. */
  readonly gpg: (args: readonly string[], options?: RunOptions) => Promise<RunResult>;
};

/** Disposing ends the daemons that gpg started, and leaves the folder. */
export async function openGnupg(options: GnupgOptions): Promise<Gnupg> {
  return Promise.reject(new Error(`${options.home} is not built yet`));
}
