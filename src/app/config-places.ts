/** Places of a configuration that cannot be right: listeners in each other's way, and mail that would come back to us. */
import { isIP, isIPv4, SocketAddress } from "node:net";
import { isLoopback, plainAddress } from "../base/network.ts";
import type { At, Config } from "../config/load.ts";

type HostAndPort = { readonly host: string; readonly port: number };

/** Two listeners with one port at one address, each with its line. Port 0 is a port of its own for each. */
export function listenerProblems({ listen }: Pick<Config, "listen">, at: At): readonly string[] {
  const all = Object.entries(listen).flatMap(([name, place]) =>
    place === undefined || place.port === 0 ? [] : [{ name, place }],
  );
  return all.flatMap(({ name, place }, index) =>
    all
      .slice(0, index)
      .filter((earlier) => earlier.place.port === place.port && overlap(earlier.place, place))
      .map((earlier) => {
        const [first, second] = [earlier.name, name].map((one) => at("listen", tableName(one)));
        return `${second}: ${placeText(place)} is taken by ${first} (${placeText(earlier.place)}); give one of the two another port or address`;
      }),
  );
}

/** Mail that leaves must not come back to our own door. */
export function relayProblems(
  { relay, listen }: Pick<Config, "relay" | "listen">,
  at: At,
): readonly string[] {
  return [listen.mx, listen.lmtp, listen.submission, listen.submissionStarttls]
    .filter((place) => place?.port === relay.port && isSameHost(place.host, relay.host))
    .map((place) => {
      const where = `${relay.host}:${relay.port}`;
      return `${at("relay", "port")}: ${where} is our own listener at port ${place?.port}; name the mail server's`;
    });
}

function isSameHost(listening: string, host: string): boolean {
  const isHere = host === "localhost" || isLoopback(host);
  return listening === host || (isHere && (listening === "0.0.0.0" || listening === "::"));
}

/** Whether one port cannot be had at both. `::` takes the addresses of IPv4 as well; a name may be any address. */
function overlap(one: HostAndPort, other: HostAndPort): boolean {
  const [a, b] = [canonicalHost(one.host), canonicalHost(other.host)];
  return a === b || isWithin(a, b) || isWithin(b, a);
}

function isWithin(host: string, wider: string): boolean {
  if (wider === "::") return true;
  if (wider === "0.0.0.0") return isIPv4(host) || isIP(host) === 0;
  return wider === "localhost" && (host === "127.0.0.1" || host === "::1");
}

function canonicalHost(host: string): string {
  const plain = plainAddress(host.toLowerCase());
  if (isIP(plain) === 0) return plain;
  const family = isIPv4(plain) ? "ipv4" : "ipv6";
  return plainAddress(new SocketAddress({ address: plain, family }).address);
}

function placeText({ host, port }: HostAndPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As the table is called in the file. */
function tableName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
