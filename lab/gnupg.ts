/**
 * Stock GnuPG in a home of its own, which finds the lab's keyservers by name and trusts the lab's authority. Its dirmngr
 * asks the C library for addresses, and that reads our own hosts file through nss_wrapper: no root, no namespace.
 */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, type RunOptions, type RunResult } from "./run.ts";

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

const LIBRARY_FOLDERS = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
const NSS_WRAPPER = "libnss_wrapper.so";

/** Disposing ends the daemons that gpg started, and leaves the folder. */
export async function openGnupg(options: GnupgOptions): Promise<Gnupg> {
  const { home, caFile, hosts } = options;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(
    join(home, "dirmngr.conf"),
    ["standard-resolver", ...(caFile === undefined ? [] : [`hkp-cacert ${caFile}`]), ""].join("\n"),
  );
  const env = { GNUPGHOME: home, ...(hosts === undefined ? {} : await nameHosts(home, hosts)) };
  return {
    home,
    gpg: async (args, given = {}) =>
      run("gpg", ["--batch", "--no-tty", "--pinentry-mode", "loopback", ...args], {
        ...given,
        env: { ...given.env, ...env },
      }),
    [Symbol.asyncDispose]: async () => {
      await run("gpgconf", ["--kill", "all"], { env: { GNUPGHOME: home } });
    },
  };
}

async function nameHosts(
  home: string,
  hosts: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const file = join(home, "hosts");
  const lines = Object.entries(hosts).map(([name, address]) => `${address} ${name}\n`);
  await writeFile(file, lines.join(""));
  return { LD_PRELOAD: await nssWrapper(), NSS_WRAPPER_HOSTS: file };
}

/** Debian keeps it under the name of the machine's architecture. @throws Error when it is not installed. */
async function nssWrapper(): Promise<string> {
  for (const folder of LIBRARY_FOLDERS) {
    const names = await namesIn(folder);
    for (const name of ["", ...names.filter((one) => one.includes("-linux-"))]) {
      const place = join(folder, name);
      if ((await namesIn(place)).includes(NSS_WRAPPER)) return join(place, NSS_WRAPPER);
    }
  }
  throw new Error(`${NSS_WRAPPER} is not installed (Debian package libnss-wrapper)`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return []; // Not a folder, or none of this system's.
  }
}
