/**
 * The Web Key Directory (draft-koch-openpgp-webkey-service §3.1), both ways: `advanced` names the domain in the path,
 * `direct` takes it from Host. It is what GnuPG and Thunderbird ask by themselves.
 */
import { parseDomain, type Domain } from "../mail/address.ts";
import { wkdHash } from "../mail/wkd-hash.ts";
import {
  absent,
  found as foundAnswer,
  foundHeaders,
  KEPT,
  malformed,
  misdirected,
} from "./answers.ts";
import { bundle } from "./armor.ts";
import type { WholeAnswer } from "./lane/whole-answer.ts";
import { parseVariables } from "./query.ts";
import { answered, type Question, type Tell } from "./question.ts";

export const DIRECTORY_PREFIX = "/.well-known/openpgpkey/";

const HASH = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{32}$/;

/** How one of the two ways answers. */
type Way = {
  readonly absent: WholeAnswer;
  readonly malformed: WholeAnswer;
  /** It must be there and may be empty: none of its words concerns a directory that is filled by its provider. */
  readonly policy: WholeAnswer;
  readonly tell: Tell;
};

function wayWith(...more: readonly string[]): Way {
  const withMore = (answer: WholeAnswer): WholeAnswer => ({
    ...answer,
    headers: [...answer.headers, ...more],
  });
  const kept = KEPT.byAddress;
  const policy = foundAnswer(foundHeaders(kept, "text/plain; charset=utf-8"), "");
  const headers = [...foundHeaders(kept, "application/octet-stream"), ...more];
  return {
    absent: withMore(absent),
    malformed: withMore(malformed),
    policy: withMore(policy),
    tell: (found) => foundAnswer(headers, bundle(found)),
  };
}

const advanced = wayWith();
/** The path is the same for all domains: a cache must not give one domain's answer for another (RFC 9110 §12.5.5). */
const direct = wayWith("Vary", "Host");

/** `rest` stands behind `/.well-known/openpgpkey/`; `host` is the header, port and all. */
export function directoryQuestion(
  domains: ReadonlySet<Domain>,
  { rest, query, host }: { readonly rest: string; readonly query: string; readonly host: string },
): Question {
  const given = rest.split("/");
  if (given[0] !== "hu" && given[0] !== "policy") {
    const [name = "", ...path] = given;
    return questionOf(advanced, domains, { name, path, query });
  }
  const name = host.replace(/:\d+$/, "");
  const domain = parseDomain(name);
  // The name of another host led here: what is said here is not of it (RFC 9110 §15.5.20).
  return domain !== undefined && domains.has(domain)
    ? questionOf(direct, domains, { name, path: given, query })
    : answered(misdirected);
}

function questionOf(
  way: Way,
  domains: ReadonlySet<Domain>,
  asked: { readonly name: string; readonly path: readonly string[]; readonly query: string },
): Question {
  const [kind, hash, ...more] = asked.path;
  const domain = parseDomain(asked.name);
  if (domain === undefined || more.length > 0) return answered(way.absent);
  if (kind === "policy" && hash === undefined) {
    return answered(domains.has(domain) ? way.policy : way.absent);
  }
  if (kind !== "hu" || hash === undefined || !HASH.test(hash)) return answered(way.absent);
  return byHash(way, domain, hash, asked.query);
}

function byHash(way: Way, domain: Domain, hash: string, query: string): Question {
  const variables = parseVariables(query);
  if (variables === undefined) return answered(way.malformed);
  const local = variables.get("l");
  // One who names the local part must have meant this one: names of files are not for guessing.
  const fits = local === undefined || wkdHash(local.normalize("NFC")) === hash;
  return {
    kind: "lookup",
    search: fits ? { kind: "directory", name: `${hash}@${domain}` } : { kind: "nothing" },
    onlyVersion4: false,
    tell: way.tell,
    absent: way.absent,
  };
}
