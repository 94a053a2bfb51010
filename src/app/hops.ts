/** The next hops as the configuration has them. */
import { SECOND } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Domain } from "../mail/address.ts";
import { type Hop, nameOf } from "../smtp/relay/hop.ts";
import type { ReuseLimits } from "../smtp/relay/idle-sessions.ts";

type Values = Config["relay"]["hosts"][Domain];

/** What is said of one hop; what has a default may be absent. */
export type Entry = { readonly [Name in keyof Values]?: Values[Name] | undefined };

/** The table [relay]; what has a default may be absent. */
export type Relaying = Entry & Pick<Config["relay"], "host" | "port" | "hosts">;

/** The next hop for a domain. */
export function hopFor({ relay }: { readonly relay: Relaying }, domain: Domain): Hop {
  return hopOf(relay.hosts[domain] ?? relay);
}

/** Each configured next hop once, the one without a domain first. */
export function hopsOf(relay: Relaying): readonly Hop[] {
  const all = entriesOf(relay).map(({ entry }) => hopOf(entry));
  return [...new Map(all.map((hop) => [nameOf(hop), hop])).values()];
}

/** What the configuration says of each hop, and in which table. */
export function entriesOf(
  relay: Relaying,
): readonly { readonly path: readonly string[]; readonly entry: Entry }[] {
  const hosts = Object.entries(relay.hosts);
  return [
    { path: ["relay"], entry: relay },
    ...hosts.map(([name, entry]) => ({ path: ["relay", "hosts", name], entry })),
  ];
}

/** How connections to hops are used again. */
export function reuseOf({ idleSeconds, messagesPerConnection }: Config["relay"]): ReuseLimits {
  return { idleMs: idleSeconds * SECOND, messages: messagesPerConnection };
}

function hopOf(fields: Entry): Hop {
  const { host = "", port = 0, socket, protocol, tls, forward } = fields;
  const { serverName, caFile, user, passwordFile } = fields;
  const isLoggedIn = user !== undefined && passwordFile !== undefined;
  return {
    ...(socket === undefined ? { host, port } : { socket }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(tls === undefined ? {} : { tls }),
    ...(forward === undefined ? {} : { forward }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(isLoggedIn ? { login: { user, passwordFile } } : {}),
  };
}
