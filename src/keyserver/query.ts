/** What a client asks, read once from the raw query: whole addresses and full ids, so that nobody lists users. */
import { parseAddress } from "../mail/address.ts";
import { parseFingerprint, parseKeyId } from "../openpgp/packets/fingerprint.ts";
import type { Search } from "./question.ts";

export type Query =
  | {
      readonly kind: "lookup";
      readonly operation: "get" | "index";
      readonly isMachineReadable: boolean;
      readonly search: Search;
    }
  | { readonly kind: "malformed" }
  | { readonly kind: "not-implemented" };

const MAX_OCTETS = 2048;

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
  const options = variables.get("options") ?? "";
  return {
    kind: "lookup",
    operation: operation === "get" ? "get" : "index",
    isMachineReadable: options.split(",").includes("mr"),
    search: parseSearch(search),
  };
}

/**
 * The variables of a query; the first of each counts. Undefined when it is too long or no percent-encoding. `+` is left
 * alone: GnuPG sends `search=ada+news@post.example` as it is.
 */
export function parseVariables(raw: string): ReadonlyMap<string, string> | undefined {
  if (raw.length > MAX_OCTETS) return undefined;
  const variables = new Map<string, string>();
  for (let at = 0, end; at <= raw.length; at = end + 1) {
    end = raw.indexOf("&", at);
    if (end < 0) end = raw.length;
    const pair = raw.slice(at, end);
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decoded(pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    if (!variables.has(name)) variables.set(name, value);
  }
  return variables;
}

/** Undefined for a lone `%` and for octets that are no UTF-8. */
export function decoded(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parseSearch(text: string): Search {
  const id = parseFingerprint(text) ?? parseKeyId(text);
  if (id !== undefined) return { kind: "id", id };
  const address = parseAddress(withPlus(text));
  return address === undefined
    ? { kind: "nothing" }
    : { kind: "address", address, mayHaveDetail: true };
}

/** GnuPG 2.2 unescapes the + of a local part itself and sends a space, which no unquoted local part can hold. */
function withPlus(text: string): string {
  const local = text.slice(0, text.lastIndexOf("@"));
  return local.includes('"') ? text : local.replaceAll(" ", "+") + text.slice(local.length);
}
