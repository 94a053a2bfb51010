/**
 * What a hop is told of the client that submitted a message, so that its limits for each user count the user and not us:
 * Postfix's XCLIENT (the hop acts as if the client were there) and XFORWARD (for its log and its filters).
 * See https://www.postfix.org/XCLIENT_README.html and https://www.postfix.org/XFORWARD_README.html.
 */
import { isIPv6 } from "node:net";

import { plainAddress } from "../../base/network.ts";
import { formatAddress } from "../../mail/address.ts";
import type { Hop, Submitter } from "./hop.ts";
import type { Extensions } from "./obstacle.ts";
import { xtext } from "./xtext.ts";

/** Octets of a command, without its line end (RFC 5321 §4.5.3.1.4). */
const MAX_COMMAND_OCTETS = 510;

const NOT_KNOWN = "[UNAVAILABLE]";

const ATTRIBUTES = {
  xclient: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN"],
  xforward: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE"],
} as const;

/**
 * Whose a session with a hop is, so that no other client's messages go in it: with XCLIENT it is one client's to its end;
 * with XFORWARD each transaction says its client, and a message that names nobody goes in another session.
 */
export function ownerOf({ forward = "none" }: Hop, submitter: Submitter | undefined): string {
  if (submitter === undefined || forward === "none") return "";
  if (forward === "xforward") return "submitted";
  const { address, port, helo, login } = submitter;
  return JSON.stringify([address, port, helo ?? "", formatAddress(login)]);
}

/** The commands that name a client, with what the hop offers to take; none where it offers nothing, or need not know. */
export function forwardCommands(
  kind: "xclient" | "xforward",
  { forward }: Hop,
  submitter: Submitter | undefined,
  extensions: Extensions,
): readonly string[] {
  if (submitter === undefined || forward !== kind) return [];
  const verb = kind.toUpperCase();
  const offered = (extensions.get(verb) ?? "").toUpperCase().split(" ");
  const values = valuesOf(submitter);
  const commands: string[] = [];
  for (const name of ATTRIBUTES[kind].filter((one) => offered.includes(one))) {
    const attribute = `${name}=${xtext(values[name])}`;
    const longer = `${commands.at(-1) ?? verb} ${attribute}`;
    if (commands.length > 0 && longer.length <= MAX_COMMAND_OCTETS) commands.pop();
    commands.push(longer.length <= MAX_COMMAND_OCTETS ? longer : `${verb} ${attribute}`);
  }
  return commands;
}

function valuesOf(
  client: Submitter,
): Record<(typeof ATTRIBUTES)["xclient" | "xforward"][number], string> {
  const [address = ""] = plainAddress(client.address).split("%", 1);
  return {
    // The submission listener looks up no names of clients.
    NAME: NOT_KNOWN,
    // RFC 5321 §4.1.3, without the brackets.
    ADDR: isIPv6(address) ? `IPV6:${address}` : address,
    PORT: String(client.port),
    // Whoever logs in speaks it (RFC 4954 §4).
    PROTO: "ESMTP",
    HELO: client.helo ?? NOT_KNOWN,
    SOURCE: "REMOTE",
    LOGIN: formatAddress(client.login),
  };
}
