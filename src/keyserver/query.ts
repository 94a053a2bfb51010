/** What a client asks, read once from the raw query: whole addresses and full ids, so that nobody lists users. */
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import {
  parseFingerprint,
  parseKeyId,
  type Fingerprint,
  type KeyId,
} from "../openpgp/fingerprint.ts";

export type Search =
  | { readonly kind: "address"; readonly address: EmailAddress }
  | { readonly kind: "id"; readonly id: Fingerprint | KeyId }
  /** Names, wildcards, parts of addresses, short ids: nothing is ever found for them. */
  | { readonly kind: "nothing" };

export type Query =
  | {
      readonly kind: "lookup";
      readonly operation: "get" | "index";
      readonly isMachineReadable: boolean;
      readonly search: Search;
    }
  | { readonly kind: "malformed" }
  | { readonly kind: "not-implemented" };

const MOST_OCTETS = 2048;

/** The variables of HKP v1 in any order; the first of each counts, unknown ones do not. */
export function parseQuery(raw: string): Query {
  const variables = parseVariables(raw);
  const operation = variables?.get("op");
  const search = variables?.get("search");
  if (variables === undefined || operation === undefined) return { kind: "malformed" };
  if (operation !== "get" && operation !== "index" && operation !== "vindex") {
    return { kind: "not-implemented" };
  }
  if (search === undefined) return { kind: "malformed" };
  return {
    kind: "lookup",
    operation: operation === "get" ? "get" : "index",
    isMachineReadable: (variables.get("options") ?? "").split(",").includes("mr"),
    search: parseSearch(search),
  };
}

/** Percent-decoding that leaves `+` alone: GnuPG sends `search=ada+news@post.example` as it is. */
function parseVariables(raw: string): ReadonlyMap<string, string> | undefined {
  if (raw.length > MOST_OCTETS) return undefined;
  const variables = new Map<string, string>();
  try {
    for (const pair of raw.split("&")) {
      const equals = pair.indexOf("=");
      const name = decodeURIComponent(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? "" : decodeURIComponent(pair.slice(equals + 1));
      if (!variables.has(name)) variables.set(name, value);
    }
  } catch {
    return undefined; // A lone % or octets that are no UTF-8.
  }
  return variables;
}

function parseSearch(text: string): Search {
  const id = parseFingerprint(text) ?? parseKeyId(text);
  if (id !== undefined) return { kind: "id", id };
  const address = parseAddress(withPlus(text));
  return address === undefined ? { kind: "nothing" } : { kind: "address", address };
}

/** GnuPG 2.2 unescapes the + of a local part itself and sends a space, which no unquoted local part can hold. */
function withPlus(text: string): string {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  return local.includes('"') ? text : local.replaceAll(" ", "+") + text.slice(local.length);
}
