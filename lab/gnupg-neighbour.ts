/**
 * gnupg.test: a domain without Sealpost, whose user has GnuPG. A stub keyserver publishes her certificate, and her mail
 * ends in a folder.
 */
import { join } from "node:path";
import { type Gnupg, openGnupg } from "./gnupg.ts";
import type { Pki } from "./pki.ts";
import { type Sink, startSink } from "./sink.ts";
import { type StubKeyserver, startStubKeyserver } from "./stub-keyserver.ts";
import type { GnupgUser } from "./world.ts";

const DOMAIN = "gnupg.test";
const ADDRESS = `erin@${DOMAIN}`;

export type GnupgNeighbour = AsyncDisposable & {
  readonly domain: string;
  readonly user: GnupgUser;
  readonly gnupg: Gnupg;
  readonly keyserver: StubKeyserver;
  readonly sink: Sink;
};

export type GnupgNeighbourOptions = {
  readonly dir: string;
  readonly host: string;
  readonly keyserverPort: number;
  readonly pki: Pki;
  /** The lab's hosts, for GnuPG's own look-ups. */
  readonly hosts: Readonly<Record<string, string>>;
};

/** Makes the user's key, or finds the one an earlier lab made, and starts keyserver and sink. */
export async function startGnupgNeighbour(options: GnupgNeighbourOptions): Promise<GnupgNeighbour> {
  const { dir, host, pki } = options;
  await using started = new AsyncDisposableStack();
  const home = { home: join(dir, "home"), caFile: pki.caFile, hosts: options.hosts };
  const gnupg = started.use(await openGnupg(home));
  const fingerprint = (await fingerprintOf(gnupg, ADDRESS)) ?? (await makeKey(gnupg));
  const armored = await gpgOk(gnupg, ["--armor", "--export", fingerprint]);
  const { cert, key } = await pki.issue([`keys.${DOMAIN}`]);
  const keyserver = started.use(
    await startStubKeyserver({
      host,
      port: options.keyserverPort,
      tls: { cert, key },
      certificates: { [ADDRESS]: armored },
    }),
  );
  const sink = started.use(await startSink({ host, dir: join(dir, "mail") }));
  const resources = started.move();
  return {
    domain: DOMAIN,
    user: { address: ADDRESS, fingerprint, home: home.home },
    gnupg,
    keyserver,
    sink,
    [Symbol.asyncDispose]: async () => resources.disposeAsync(),
  };
}

/** The fingerprint of the certificate with this address; undefined when the home has none. */
export async function fingerprintOf(gnupg: Gnupg, address: string): Promise<string | undefined> {
  const { stdout } = await gnupg.gpg(["--with-colons", "--list-keys", `<${address}>`]);
  return /^fpr:+([0-9A-F]{40}):/m.exec(stdout.toString())?.[1];
}

/** Runs gpg and gives what it printed. @throws Error with its messages when it fails. */
export async function gpgOk(
  gnupg: Gnupg,
  args: readonly string[],
  input?: Uint8Array | string,
): Promise<string> {
  const result = await gnupg.gpg(args, input === undefined ? {} : { input });
  if (result.code === 0) return result.stdout.toString();
  throw new Error(`gpg ${args.join(" ")}: exit code ${result.code}\n${result.stderr}`);
}

async function makeKey(gnupg: Gnupg): Promise<string> {
  const noPassphrase = ["--pinentry-mode", "loopback", "--passphrase", ""];
  // Bare address, as keyservers and our own acceptance match it; sign with the primary key, encrypt with a subkey.
  const [how, until] = ["future-default", "1y"];
  await gpgOk(gnupg, [...noPassphrase, "--quick-generate-key", ADDRESS, how, "default", until]);
  const fingerprint = await fingerprintOf(gnupg, ADDRESS);
  if (fingerprint === undefined) throw new Error("gpg made a key and does not list it");
  return fingerprint;
}
