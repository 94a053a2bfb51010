/** What the fields of the configuration are made of: a schema with its description, and the texts that are parsed. */
import { isIP, isIPv6 } from "node:net";
import { z } from "zod";

import { parseAddress, parseDomain } from "../mail/address.ts";

/** What `describe` prints beside a field. `isPath`: relative to the file's folder. */
export type FieldNote = {
  readonly description: string;
  readonly unit?: string;
  readonly isPath?: true;
  readonly example?: unknown;
};

/** A schema with what is printed beside its field. */
export function note<S extends z.ZodType>(
  schema: S,
  description: string,
  more?: Partial<FieldNote>,
): S {
  return schema.meta({ description, ...more });
}

/** A mail domain or host name, parsed. */
export const domain = z.string().transform((text, context) => {
  const parsed = parseDomain(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: "is not a domain name" });
  return z.NEVER;
});

/** A mail address, parsed. */
export const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: "is not an address" });
  return z.NEVER;
});

/** `host:port` or `[IPv6]:port`, parsed. */
export const hostAndPort = z.string().transform((text, context) => {
  const match = /^\[?([^[\]\s]+?)\]?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] !== undefined && port >= 1 && port <= 65_535) return { host: match[1], port };
  context.addIssue({
    code: "custom",
    message: "is not host:port, such as 192.0.2.25:25, with a port from 1 to 65535",
  });
  return z.NEVER;
});

function isNetwork(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  const most = isIPv6(address) ? 128 : 32;
  return rest.length === 0 && isIP(address) > 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

/** A range of addresses in CIDR notation. */
export const network = z.string().refine(isNetwork, "is not a network such as 192.0.2.0/24");
/** A text that is not empty. */
export const text = z.string().min(1);
/** For a field that names a file. */
export const path = { isPath: true } as const;
/** A name in some network, which need not be a mail domain: `postfix`, `mail_out`. */
const HOST_NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_.])?$/u;

/** The host of a next hop: its port is a field of its own. */
export const host = z.string().superRefine((given, context) => {
  if (isIP(given) > 0 || HOST_NAME.test(given)) return;
  context.addIssue(
    hostAndPort.safeParse(given).success
      ? "has a port in it; write the host alone, and the port under port"
      : "is not a host; write a name such as smtp.alpha.example or an IP address",
  );
});

/** 0 is for a place that the system chooses. */
export const portNumber = z.int().min(0).max(65_535);
