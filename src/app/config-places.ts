/** Places of a configuration that cannot be right: listeners in each other's way, and mail that would come back to us. */
import { isIP, isIPv4, SocketAddress } from "node:net";

import { isLoopback, plainAddress } from "../base/network.ts";
import type { Config, Fields } from "../config/config.ts";

type HostAndPort = { readonly host: string; readonly port: number };

/** Two listeners with one port at one address, each with its line. Port 0 is a port of its own for each. */
export function listenerProblems(
  { listen }: Pick<Config, "listen">,
  { at, isGiven }: Fields,
): readonly string[] {
  const all = Object.entries(listen).flatMap(([name, place]) =>
    place === undefined || place.port === 0 ? [] : [{ name, place }],
  );
  const described = ({ name, place }: (typeof all)[number]) => {
    const table = ["listen", tableName(name)];
    const remark = [placeText(place), defaultsOf(table, isGiven)].filter((one) => one !== "");
    return { field: at(...table), where: remark.join(", ") };
  };
  return all.flatMap((one, index) =>
    all
      .slice(0, index)
      .filter(({ place }) => place.port === one.place.port && overlap(place, one.place))
      .map((earlier) => {
        const [second, first] = [described(one), described(earlier)];
        return `${second.field}: ${second.where} is taken by ${first.field} (${first.where}); give one of the two another port or address`;
      }),
  );
}

/** Mail that leaves must not come back to our own door. */
export function relayProblems(
  { relay, listen }: Pick<Config, "relay" | "listen">,
  { at, isGiven }: Fields,
): readonly string[] {
  if (relay.socket !== undefined) return [];
  return (["mx", "lmtp", "submission", "submissionStarttls"] as const).flatMap((name) => {
    const place = listen[name];
    if (place?.port !== relay.port || !isSameHost(place.host, relay.host)) return [];
    const table = ["listen", tableName(name)];
    const notes = [["relay"], table]
      .map((one) => ({ name: one.join("."), absent: defaultsOf(one, isGiven) }))
      .filter(({ absent }) => absent !== "")
      .map((one) => `${one.name}: ${one.absent}`);
    const remark = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
    return [
      `${at("relay", "port")}: ${relay.host}:${relay.port} is our own listener at port ${place.port}, ${at(...table)}${remark}; name the mail server's`,
    ];
  });
}

/** A policy of a domain that is not served holds for nobody. */
export function policyProblems(
  { policy, domains }: Pick<Config, "policy" | "domains">,
  { at }: Pick<Fields, "at">,
): readonly string[] {
  const served = new Set<string>(domains);
  return Object.keys(policy.domains)
    .filter((name) => !served.has(name))
    .map(
      (name) =>
        `${at("policy", "domains", name)}: ${name} is not served here; add it to domains, or leave this out`,
    );
}

/** Which of host and port of a table are not in the file, if any. */
function defaultsOf(table: readonly string[], isGiven: Fields["isGiven"]): string {
  const absent = ["host", "port"].filter((name) => !isGiven(...table, name));
  return absent.length === 0 ? "" : `${absent.join(" and ")} by default`;
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
