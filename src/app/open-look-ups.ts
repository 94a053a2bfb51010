/** Look-ups of the certificates of others: the resolver, HTTPS with its checks, the cache, and our own keys. */
import { readFile } from "node:fs/promises";

import { isAddress } from "../accounts/reader-addresses.ts";
import { AppError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { makeDiscover, type Discoverer } from "../discovery/discovery.ts";
import type { Resolver } from "../dns/dns.ts";
import { guardedGet } from "../fetch/guarded.ts";
import { withoutSubaddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { activeCertificate } from "../vault/vault.ts";
import type { Events } from "./events.ts";
import { lazyResolver, type LazyResolver } from "./lazy-resolver.ts";
import type { Crypto } from "./open-crypto.ts";

export type LookUps = Disposable & {
  readonly discoverer: Discoverer;
  readonly testResolver: LazyResolver["testResolver"];
};

type Deps = {
  readonly vault: VaultDeps;
  readonly crypto: Pick<Crypto, "certificateWork" | "workForUsers">;
  readonly events: Pick<Events, "resolverTested" | "failed">;
  /** Of a process that goes on: it keeps the latest time that it sees. */
  readonly isServing: boolean;
};

/** Opens no connection before the first question. @throws Error when the file of the CA cannot be read. */
export async function openLookUps(config: Config, deps: Deps): Promise<LookUps> {
  const { vault, crypto, events, isServing } = deps;
  const { store, clock } = vault;
  const { domains, discovery } = config;
  const lazy = lazyResolver(config, { clock, events });
  const discoverer = makeDiscover({
    store,
    clock,
    resolver: lazy.resolver,
    get: await getter(config, clock, lazy.resolver),
    isLocal: (domain) => !discovery.forceNetwork && domains.includes(domain),
    local: async (address) => localCertificate(vault, address),
    random: Math.random,
    isServing,
    work: crypto.certificateWork,
    workForUsers: crypto.workForUsers,
    onRollback: (fingerprint, domain) => {
      const what = `${domain} serves the revoked key ${fingerprint} without its revocation`;
      events.failed("discovery", new AppError(what, { temporary: false }));
    },
  });
  return { discoverer, testResolver: lazy.testResolver, [Symbol.dispose]: lazy[Symbol.dispose] };
}

async function getter({ discovery }: Config, clock: VaultDeps["clock"], resolver: Resolver) {
  const { allowNetworks, ports, caFile } = discovery;
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") };
  return guardedGet({ clock, resolver, allowNetworks, ports, ...ca });
}

/** As our keyserver answers: a subaddress that is nobody's own address has the certificate of its address. */
async function localCertificate(
  vault: VaultDeps,
  address: EmailAddress,
): Promise<Certificate | undefined> {
  const isOwn = await isAddress(vault.store, address);
  return activeCertificate(vault, isOwn ? address : withoutSubaddress(address));
}
