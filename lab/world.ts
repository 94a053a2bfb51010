/**
 * What exists in a running lab, as `world.json` says it. Tests from outside rely on this file: add to it, never rename.
 * What this stage of the program does not have is absent.
 */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export type Place = { readonly host: string; readonly port: number };

/** A server whose name is in the lab's DNS. */
export type NamedPlace = Place & { readonly address: string };

export type Account = {
  readonly address: string;
  readonly password: string;
  readonly custody: "provider-usable" | "unlocks-at-login";
  /** Set for this user; absent: that of the installation. */
  readonly policy?: "require";
};

export type ProviderWorld = {
  /** The path of its configuration file. */
  readonly config: string;
  /** What its keys are made of: version 4, or version 6. */
  readonly profile: "compat" | "modern";
  readonly submission: Place & { readonly tls: "implicit" };
  readonly submissionStartTls: Place;
  readonly mx: Place;
  readonly lmtp: Place;
  readonly keyserver: NamedPlace;
  readonly metrics: Place;
  readonly accounts: readonly Account[];
};

export type SinkWorld = {
  readonly smtp: Place;
  /** The folder of the messages it took, an `.eml` each. */
  readonly dir: string;
};

/** A GnuPG user whose certificate a keyserver of the lab publishes. */
export type GnupgUser = {
  readonly address: string;
  readonly fingerprint: string;
  /** His GNUPGHOME; the key has no passphrase. */
  readonly home: string;
};

export type World = {
  /** PEM file of the lab's certification authority. */
  readonly ca: string;
  readonly resolver: Place;
  readonly providers: Readonly<Record<string, ProviderWorld>>;
  readonly sinks: Readonly<Record<string, SinkWorld>>;
  readonly gnupg: { readonly keyserver: NamedPlace; readonly users: readonly GnupgUser[] };
};

/** Writes `world.json`; whoever waits for the file sees all of it or nothing. @returns its path. */
export async function writeWorld(dir: string, world: World): Promise<string> {
  const file = join(dir, "world.json");
  await writeFile(`${file}.new`, `${JSON.stringify(world, undefined, 2)}\n`);
  await rename(`${file}.new`, file);
  return file;
}

/** The provider of a domain. @throws Error when the lab has none. */
export function providerOf(world: World, domain: string): ProviderWorld {
  const provider = world.providers[domain];
  if (provider === undefined) throw new Error(`the lab has no provider ${domain}`);
  return provider;
}

/** The provider of an account. @throws Error when the lab has no such account. */
export function providerFor(world: World, address: string): ProviderWorld {
  const provider = Object.values(world.providers).find(({ accounts }) =>
    accounts.some((account) => account.address === address),
  );
  if (provider === undefined) throw new Error(`the lab has no account ${address}`);
  return provider;
}

/** An account by its address. @throws Error when the lab has none. */
export function accountOf(world: World, address: string): Account {
  const account = providerFor(world, address).accounts.find((one) => one.address === address);
  if (account === undefined) throw new Error(`the lab has no account ${address}`);
  return account;
}
