/**
 * One mail provider on Sealpost: its configuration, its accounts and its two processes, the keyserver that the world asks
 * and the gateway that mail goes through. Everything is done as an operator does it, with the command line.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { SECOND } from "../src/base/time.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import { openStore, type StoreOptions } from "../src/store/store.ts";
import type { IssuedCertificate } from "./pki.ts";
import { type LabProcess, startProcess } from "./process.ts";
import { sealpost, sealpostCommand, sealpostJson } from "./run.ts";
import { together } from "./together.ts";
import type { Account, NamedPlace, Place, ProviderWorld } from "./world.ts";

const SERVICE_KEY_BYTES = 32;
const PROBE_TIMEOUT_MS = 2 * SECOND;
/** How long a loaded machine may take; a process that ends is noticed at once. */
const READY_TIMEOUT_MS = 300 * SECOND;

/** Where a provider listens; the ports are chosen before its zone is signed. */
export type ProviderPlaces = {
  readonly submission: Place;
  readonly submissionStartTls: Place;
  readonly mx: Place;
  readonly lmtp: Place;
  readonly keyserver: NamedPlace;
  readonly metrics: Place;
};

export type ProviderOptions = {
  readonly domain: string;
  /** Its other domains. */
  readonly alsoServes: readonly string[];
  /** Made when missing; what an earlier lab left there (database, accounts, service key) is used again. */
  readonly dir: string;
  readonly places: ProviderPlaces;
  readonly accounts: readonly Account[];
  /** What its keys are made of. */
  readonly profile: "compat" | "modern";
  readonly database: StoreOptions;
  readonly certificate: IssuedCertificate;
  readonly caFile: string;
  readonly resolver: Place;
  /** Next hop by domain. That of bogus.test takes every other domain too: mail must not leave the machine. */
  readonly hops: ReadonlyMap<string, Place>;
  /** Every keyserver port in this lab. */
  readonly keyserverPorts: readonly number[];
  readonly signal?: AbortSignal | undefined;
};

export class Provider implements AsyncDisposable {
  readonly domain: string;
  readonly #options: ProviderOptions;
  #gateway: LabProcess | undefined;
  #keyserver: LabProcess | undefined;

  constructor(options: ProviderOptions) {
    this.domain = options.domain;
    this.#options = options;
  }

  get config(): string {
    return join(this.#options.dir, "sealpost.toml");
  }

  get world(): ProviderWorld {
    const { places, accounts, profile } = this.#options;
    return {
      config: this.config,
      profile,
      ...places,
      submission: { ...places.submission, tls: "implicit" },
      accounts,
    };
  }

  /** The running keyserver's process id; undefined while it is stopped. */
  get keyserverPid(): number | undefined {
    return this.#keyserver?.pid;
  }

  /** The running gateway's process id, for whoever measures it. */
  get gatewayPid(): number | undefined {
    return this.#gateway?.pid;
  }

  async start(): Promise<void> {
    const isNew = await prepare(this.#options);
    const accounts = addAccounts(this.config, this.#options, isNew);
    // The writer first: a read-only handle on SQLite needs its write-ahead log.
    const servers = this.#startGateway().then(async () => this.startKeyserver());
    await together([accounts, servers]);
  }

  /** Ends the gateway as a power cut does, and starts it again. */
  async crashGateway(): Promise<void> {
    await this.#gateway?.kill();
    await this.#startGateway();
  }

  async startKeyserver(): Promise<void> {
    this.#keyserver = await this.#serve("keyserver");
  }

  async stopKeyserver(): Promise<void> {
    await this.#keyserver?.stop();
    this.#keyserver = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The other way round than they started.
    await this.stopKeyserver();
    await this.#gateway?.stop();
    this.#gateway = undefined;
  }

  async #startGateway(): Promise<void> {
    const { metrics } = this.#options.places;
    this.#gateway = await this.#serve("gateway", async () => isHealthy(metrics));
  }

  /** Ready is a line on standard output that begins so, and what else is asked. */
  async #serve(role: string, isUp: () => Promise<boolean> = async () => true): Promise<LabProcess> {
    const { dir, signal } = this.#options;
    const logFile = join(dir, `${role}.log`);
    await writeFile(logFile, "");
    return startProcess({
      name: `${role} of ${this.domain}`,
      command: sealpostCommand,
      args: ["serve", "--role", role, "--config", this.config],
      cwd: dir,
      logFile,
      readyTimeoutMs: READY_TIMEOUT_MS,
      isReady: async () => /^ready\b/m.test(await readFile(logFile, "utf8")) && (await isUp()),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** Configuration, service key and a database with all tables. @returns false when an earlier lab was here. */
async function prepare(options: ProviderOptions): Promise<boolean> {
  const { dir } = options;
  await mkdir(join(dir, "secrets"), { recursive: true, mode: 0o700 });
  await writeFile(join(dir, "sealpost.toml"), stringify(configuration(options)));
  // An earlier lab's stays: the keys in the database are wrapped under it.
  const keyFile = join(dir, "secrets/service.key");
  const isNew = !existsSync(keyFile);
  if (isNew) await writeFile(keyFile, randomBytes(SERVICE_KEY_BYTES), { flag: "wx", mode: 0o600 });
  await using store = await openStore(options.database);
  await migrate(store);
  return isNew;
}

/** One after the other: each is one transaction that also makes the key. Those of an earlier lab stay. */
async function addAccounts(
  config: string,
  options: ProviderOptions,
  isNew: boolean,
): Promise<void> {
  const { signal } = options;
  const existing = isNew
    ? []
    : await sealpostJson<readonly { address: string }[]>(config, ["account", "list"]);
  for (const { address, password, custody, policy } of options.accounts) {
    if (existing.some((account) => account.address === address)) continue;
    const flag = custody === "provider-usable" ? "provider" : "user";
    const add = ["account", "add", address, "--custody", flag, "--password-stdin"];
    await sealpost(config, add, { input: password, signal });
    if (policy === undefined) continue;
    await sealpost(config, ["account", "policy", address, policy], { signal });
  }
}

async function isHealthy(place: Place): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host: place.host, port: place.port, path: "/healthz", timeout: PROBE_TIMEOUT_MS },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error("no answer")));
  });
}

function configuration(options: ProviderOptions) {
  const { domain, alsoServes, places, certificate, database, resolver } = options;
  const { keyserver } = places;
  const [first] = options.accounts;
  const hosts = [...options.hops].map(([to, at]) => [to, `${at.host}:${at.port}`] as const);
  return {
    domains: [domain, ...alsoServes],
    hostname: `mail.${domain}`,
    ...(first === undefined ? {} : { postmaster: first.address }),
    database,
    tls: { certificate_file: certificate.certFile, key_file: certificate.keyFile },
    resolver: { host: resolver.host, port: resolver.port, bogus_name: "expired.test" },
    listen: {
      submission: places.submission,
      submission_starttls: places.submissionStartTls,
      mx: places.mx,
      lmtp: places.lmtp,
      keyserver: { host: keyserver.address, port: keyserver.port, name: keyserver.host },
      metrics: places.metrics,
    },
    relay: { ...options.hops.get("bogus.test"), hosts: Object.fromEntries(hosts) },
    discovery: {
      ca_file: options.caFile,
      allow_networks: ["127.0.0.0/8"],
      ports: [...new Set([443, ...options.keyserverPorts])],
    },
    keys: { profile: options.profile },
    policy: { default: "prefer-clear" },
  };
}
