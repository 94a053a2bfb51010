/** Who is in the lab, and where they listen. */
import { reservePorts } from "./ports.ts";
import type { ProviderPlaces } from "./provider.ts";
import type { Account, NamedPlace, Place } from "./world.ts";

export const GNUPG_DOMAIN = "gnupg.test";
export const GNUPG_HOST = "127.0.0.11";

type LabProviderPlan = {
  readonly domain: string;
  /** What it serves beside its own domain, from the same keyserver. */
  readonly alsoServes?: readonly string[];
  readonly host: string;
  readonly profile?: "modern";
  readonly accounts: readonly Account[];
};

export const PROVIDERS: readonly LabProviderPlan[] = [
  {
    domain: "alpha.test",
    host: "127.0.0.2",
    accounts: [
      account("alice@alpha.test", "unlocks-at-login"),
      account("andy@alpha.test", "provider-usable"),
      { ...account("rosa@alpha.test", "unlocks-at-login"), policy: "require" },
    ],
  },
  {
    domain: "beta.test",
    alsoServes: ["mended.test"],
    host: "127.0.0.3",
    accounts: [
      account("bob@beta.test", "provider-usable"),
      account("bea@beta.test", "provider-usable"),
      account("ben@beta.test", "unlocks-at-login"),
      account("mia@mended.test", "provider-usable"),
    ],
  },
  {
    domain: "gamma.test",
    host: "127.0.0.12",
    profile: "modern",
    accounts: [account("gita@gamma.test", "provider-usable")],
  },
];

/** Passwords that a person can type: nothing from outside this machine reaches the lab. */
function account(address: string, custody: Account["custody"]): Account {
  return { address, password: `${address.split("@")[0]}-lab-password`, custody };
}

/** Every port is chosen before the zones, which name them, are signed. */
export type Plan = {
  readonly providers: readonly (LabProviderPlan & { readonly places: ProviderPlaces })[];
  readonly gnupgKeyserver: NamedPlace;
};

export async function makePlan(started: AsyncDisposableStack): Promise<Plan> {
  const perProvider = 6;
  const hosts = PROVIDERS.flatMap(({ host }) => Array.from({ length: perProvider }, () => host));
  const reserved = started.use(await reservePorts([GNUPG_HOST, ...hosts]));
  const ports = [...reserved.ports];
  const gnupgPort = ports.shift() ?? 0;
  const providers = PROVIDERS.map((provider) => {
    const { host, domain } = provider;
    const next = (): Place => ({ host, port: ports.shift() ?? 0 });
    const keyserver = { host: `keys.${domain}`, address: host, port: next().port };
    return {
      ...provider,
      places: {
        submission: next(),
        submissionStartTls: next(),
        mx: next(),
        lmtp: next(),
        keyserver,
        metrics: next(),
      },
    };
  });
  const gnupgKeyserver = { host: `keys.${GNUPG_DOMAIN}`, address: GNUPG_HOST, port: gnupgPort };
  return { providers, gnupgKeyserver };
}
