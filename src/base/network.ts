import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";

/** The network that limits count by: /24 of an IPv4 address, /48 of an IPv6 one; the text itself when it is neither. */
export function networkOf(address: string): string {
  const mapped = plainAddress(address);
  if (isIPv4(mapped)) return `${mapped.split(".").slice(0, 3).join(".")}.0/24`;
  const plain = address.split("%", 1)[0] ?? address;
  return isIPv6(plain) ? `${firstGroups(plain)}::/48` : address;
}

/** Whether an address lies in one of some networks in CIDR notation. */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const [v4, v6] = [new BlockList(), new BlockList()];
  for (const network of networks) {
    const [start = "", bits = ""] = network.split("/");
    if (isIPv6(start)) v6.addSubnet(start, Number(bits), "ipv6");
    else v4.addSubnet(start, Number(bits));
  }
  return (address) => {
    const plain = plainAddress(address);
    return isIPv4(plain) ? v4.check(plain) : isIPv6(plain) && v6.check(plain, "ipv6");
  };
}

const isThisHost = inNetworks(["127.0.0.0/8", "::1/128"]);

/** Whether a text is an IP address of this host alone (RFC 4291 §2.5.3). */
export function isLoopback(host: string): boolean {
  return isIP(host) !== 0 && isThisHost(host);
}

/** An address as it is written in logs: an IPv4 address that came over an IPv6 socket without its prefix (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** The first three of the eight groups, whatever `::` leaves out (RFC 4291 §2.2). */
function firstGroups(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : 8 - before.length - octetGroups(after);
  const all = [...before, ...Array.from({ length: Math.max(missing, 0) }, () => "0"), ...after];
  return all
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/** A dotted quad at the end stands for two groups. */
function octetGroups(groups: readonly string[]): number {
  return groups.length + (groups.at(-1)?.includes(".") === true ? 1 : 0);
}
