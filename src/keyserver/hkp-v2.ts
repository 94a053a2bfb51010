/**
 * HKP v2 (draft-ietf-openpgp-hkp), the part that only reads: certificates of every version, binary, by fingerprint, by key
 * ID (version 4 alone) and by identity, and a list in JSON. An identity is the whole address of a user ID.
 */
import { utf8 } from "../base/bytes.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { parseFingerprint, parseKeyId } from "../openpgp/packets/fingerprint.ts";
import {
  absent,
  allowed,
  found as foundAnswer,
  foundHeaders,
  KEPT,
  malformed,
  notImplemented,
  withoutIdentifier,
} from "./answers.ts";
import { bundle } from "./armor.ts";
import { readEntries } from "./entries.ts";
import { jsonIndex } from "./json-index.ts";
import type { WholeAnswer } from "./lane/whole-answer.ts";
import { decoded } from "./query.ts";
import { answered, type Question, type Search, type Tell } from "./question.ts";

export const V2_PREFIX = "/pks/v2/";

const BINARY = "application/pgp";
const byAddressHeaders = foundHeaders(KEPT.byAddress, BINARY);
const byIdHeaders = foundHeaders(KEPT.byId, BINARY);
const jsonHeaders = foundHeaders(KEPT.byAddress, "application/json");
const CATEGORIES: ReadonlySet<string> = new Set(["certs", "canonical", "index"]);
const HEX_OF_VERSION: Readonly<Record<string, number>> = { "04": 40, "06": 64 };

/** The question in what stands behind `/pks/v2/`. */
export function v2Question(rest: string): Question {
  const [category = "", ...given] = rest.split("/");
  if (!CATEGORIES.has(category)) return answered(notImplemented);
  const by = category === "certs" ? given.shift() : category;
  const identifier = given.join("/");
  if (by === undefined || by === "" || identifier === "") return answered(withoutIdentifier);
  switch (by) {
    case "by-vfingerprint":
      return byVersionedFingerprint(identifier);
    case "by-keyid":
      return byKeyId(identifier);
    case "by-identity":
      return byIdentity(identifier, { mayHaveDetail: false, tellFor: tellAddress });
    case "canonical":
      // What we say of our own domains is what counts, also for `ada+news@`.
      return {
        ...byIdentity(identifier, { mayHaveDetail: true, tellFor: tellAddress }),
        ...SECOND,
      };
    case "index":
      return byIdentity(identifier, { mayHaveDetail: false, tellFor: tellJson });
    default:
      return answered(notImplemented);
  }
}

const SECOND = { isSecond: true } as const;

/** OPTIONS tells for each category whether there is one. */
export function v2Options(rest: string): WholeAnswer {
  const [category = ""] = rest.split("/", 1);
  return category === "" || CATEGORIES.has(category) ? allowed : notImplemented;
}

/** `04/HEX`, or `04HEX` as an earlier draft had it. */
function byVersionedFingerprint(identifier: string): Question {
  const version = identifier.slice(0, 2);
  const hex = identifier.charAt(2) === "/" ? identifier.slice(3) : identifier.slice(2);
  if (hex === "") return answered(withoutIdentifier);
  const id = hex.length === HEX_OF_VERSION[version] ? parseFingerprint(hex) : undefined;
  return lookup(
    id === undefined ? { kind: "nothing" } : { kind: "id", id },
    tellBinary(byIdHeaders),
  );
}

/** A key ID of version 6 must not be answered: it is a hint for version 4 alone. */
function byKeyId(identifier: string): Question {
  const id = /^0x/i.test(identifier) ? undefined : parseKeyId(identifier);
  const search: Search = id === undefined ? { kind: "nothing" } : { kind: "id", id };
  return { ...lookup(search, tellBinary(byIdHeaders)), onlyVersion4: true };
}

function byIdentity(
  identifier: string,
  how: { readonly mayHaveDetail: boolean; readonly tellFor: (address: EmailAddress) => Tell },
): Question {
  const text = decoded(identifier);
  if (text === undefined) return answered(malformed);
  const address = parseAddress(text);
  if (address === undefined) return lookup({ kind: "nothing" }, tellAddress());
  const { mayHaveDetail, tellFor } = how;
  return lookup({ kind: "address", address, mayHaveDetail }, tellFor(address));
}

function lookup(search: Search, tell: Tell): Extract<Question, { kind: "lookup" }> {
  return { kind: "lookup", search, onlyVersion4: false, tell, absent };
}

function tellBinary(headers: readonly string[]): Tell {
  return (found) => foundAnswer(headers, bundle(found));
}

const tellAddress = (): Tell => tellBinary(byAddressHeaders);

function tellJson(address: EmailAddress): Tell {
  return async (found, now) => {
    const index = jsonIndex(await readEntries(found, now), address);
    return foundAnswer(jsonHeaders, utf8(index));
  };
}
