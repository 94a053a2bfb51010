const HTTPS = 443;
const FIRST_UNPRIVILEGED = 1024;
const LAST = 65_535;
/** Ports from 1024 that belong to another protocol, which our request must not reach (WHATWG Fetch, "bad port"). */
const OTHER_PROTOCOLS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10_080,
]);

/**
 * Whether a port that a stranger's DNS names may be connected to: 443 and what the operator lists; and, unless `isStrict`,
 * any unprivileged port that is not another protocol's.
 */
export function mayUsePort(port: number, listed: readonly number[], isStrict: boolean): boolean {
  if (port === HTTPS || listed.includes(port)) return true;
  return !isStrict && port >= FIRST_UNPRIVILEGED && port <= LAST && !OTHER_PROTOCOLS.has(port);
}
