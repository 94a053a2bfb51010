import type { Config } from "../config/config.ts";
import type { KeyserverPlace } from "../dns/zone-lines.ts";

/** Where the world finds the keyserver, as the configuration says. */
export function keyserverPlace(config: Config): KeyserverPlace {
  const { keyserver } = config.listen;
  return { name: keyserver?.name ?? config.hostname, port: keyserver?.port ?? 443 };
}
