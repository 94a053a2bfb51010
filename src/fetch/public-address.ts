import { BlockList, isIPv4, isIPv6 } from "node:net";

import { AppError } from "../base/errors.ts";

/** Everything in IPv4 that is not public unicast (RFC 6890 and its registry). */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Public unicast of IPv6 lies in here ... */
const GLOBAL_V6 = ["2000::/3"];
/** ... except for protocols, documentation, and addresses that carry an IPv4 address (Teredo, 6to4). */
const NOT_PUBLIC_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/**
 * Says which addresses may be connected to: public unicast, and those in `allowNetworks` (CIDR).
 * @throws AppError when one of them is no CIDR range.
 */
export function addressFilter(allowNetworks: readonly string[]): (address: string) => boolean {
  // One list for each family: an IPv4 range must not match an IPv6 address that only embeds one.
  const allowedV4 = blockList(allowNetworks.filter((range) => !range.includes(":")));
  const allowedV6 = blockList(allowNetworks.filter((range) => range.includes(":")));
  const notPublicV4 = blockList(NOT_PUBLIC_V4);
  const notPublicV6 = blockList(NOT_PUBLIC_V6);
  const globalV6 = blockList(GLOBAL_V6);
  return (address) => {
    if (isIPv4(address)) return allowedV4.check(address) || !notPublicV4.check(address);
    // A zone (`%eth0`) names an interface of ours.
    if (!isIPv6(address) || address.includes("%")) return false;
    if (allowedV6.check(address, "ipv6")) return true;
    return globalV6.check(address, "ipv6") && !notPublicV6.check(address, "ipv6");
  };
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix = ""] = range.split("/");
    const isV6 = isIPv6(network);
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if ((!isV6 && !isIPv4(network)) || !(bits <= (isV6 ? 128 : 32))) {
      throw new AppError(`not a network: ${range}`, { temporary: false });
    }
    list.addSubnet(network, bits, isV6 ? "ipv6" : "ipv4");
  }
  return list;
}
