/**
 * The Web Key Directory (draft-koch-openpgp-webkey-service §3.1), both ways: `advanced` names the domain in the path,
 * `direct` takes it from Host. It is what GnuPG and Thunderbird ask by themselves.
 */
import { parseDomain, type Domain } from "../mail/address.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import { bundle } from "./armor.ts";
import { absent, found as foundAnswer, foundHeaders, KEPT, malformed } from "./answers.ts";
import { parseVariables } from "./query.ts";
import { answered, type Question, type Tell } from "./question.ts";

export const DIRECTORY_PREFIX = "/.well-known/openpgpkey/";

const HASH = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{32}$/;

/** `rest` stands behind `/.well-known/openpgpkey/`; `host` is the header, port and all. */
export function directoryQuestion(
  domains: ReadonlySet<Domain>,
  { rest, query, host }: { readonly rest: string; readonly query: string; readonly host: string },
): Question {
  const given = rest.split("/");
  const isDirect = given[0] === "hu" || given[0] === "policy";
  const [name = "", kind, hash, ...more] = isDirect ? [host.replace(/:\d+$/, ""), ...given] : given;
  const domain = parseDomain(name);
  if (domain === undefined || more.length > 0) return answered(absent);
  if (kind === "policy" && hash === undefined) {
    return answered(domains.has(domain) ? policy : absent);
  }
  if (kind !== "hu" || hash === undefined || !HASH.test(hash)) return answered(absent);
  return byHash(domain, hash, query);
}

function byHash(domain: Domain, hash: string, query: string): Question {
  const variables = parseVariables(query);
  if (variables === undefined) return answered(malformed);
  const local = variables.get("l");
  // One who names the local part must have meant this one: names of files are not for guessing.
  const fits = local === undefined || wkdHash(local.normalize("NFC")) === hash;
  return {
    kind: "lookup",
    search: fits ? { kind: "directory", name: `${hash}@${domain}` } : { kind: "nothing" },
    onlyVersion4: false,
    tell: tellBinary,
    absent,
  };
}

/** It must be there and may be empty: none of its words concerns a directory that is filled by its provider. */
const policy = foundAnswer(foundHeaders(KEPT.byAddress, "text/plain; charset=utf-8"), "");

const binaryHeaders = foundHeaders(KEPT.byAddress, "application/octet-stream");
const tellBinary: Tell = (found) => foundAnswer(binaryHeaders, bundle(found));
