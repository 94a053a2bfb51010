/**
 * The keys that a client announces by itself (Autocrypt level 1). Nobody here can open mail that is encrypted to a key
 * that we do not have. Therefore only the key that we publish for the author leaves in such a field.
 */
import { joined } from "../base/large-octets.ts";
import type { Discover } from "../discovery/outcome.ts";
import { formatAddress, parseAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import {
  fieldBody,
  fieldsNamed,
  type Header,
  makeField,
  parseHeader,
  serializeHeader,
  withoutFields,
} from "../mail/header.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificates/certificate.ts";
import type { Prepared } from "./prepare.ts";

/** What becomes of a client's Autocrypt field: removed, or replaced by one with the key that we publish. */
export type AutocryptRule = "remove" | "replace";

/** The key of the author, and those of others for whom the client answers all. */
const FIELDS = ["Autocrypt", "Autocrypt-Gossip"] as const;
const NAMES: ReadonlySet<string> = new Set(FIELDS.map((name) => name.toLowerCase()));
/** Level 1: a longer field is ignored by who reads it. */
const MAX_OCTETS = 10 * 1024;

type Deps = { readonly discover: Discover; readonly autocrypt: AutocryptRule };

/** A key that the client announces and we do not hold must not leave: what is encrypted to it nobody here opens. */
export async function withoutForeignKeys(deps: Deps, prepared: Prepared): Promise<Prepared> {
  const [author] = prepared.facts.from ?? [];
  if (author === undefined) return prepared;
  const { header, bodyOffset } = parseHeader(prepared.message);
  const kept = await withOwnAutocrypt(deps, header, author.address);
  if (kept === header) return prepared;
  const rest = prepared.message.subarray(bodyOffset);
  const message = await joined([serializeHeader(kept), Buffer.from("\r\n"), rest]);
  return { ...prepared, message };
}

/**
 * The header without the client's announcements. One that holds exactly the published key of the author stays, as when
 * users keep their key on their own device. Version 6 keys are never announced: level 1 has none.
 */
async function withOwnAutocrypt(deps: Deps, header: Header, author: EmailAddress): Promise<Header> {
  if (FIELDS.every((name) => fieldsNamed(header, name).length === 0)) return header;
  const [announced, ...more] = fieldsNamed(header, "Autocrypt");
  const rest = withoutFields(header, NAMES);
  if (announced === undefined) return rest;
  const discovery = await deps.discover(author);
  const own = discovery.kind === "found" ? discovery.certificate : undefined;
  if (own === undefined || own.version !== 4) return rest;
  if (more.length === 0 && (await isFor(fieldBody(announced), author, own))) {
    return [...rest, announced];
  }
  const field = deps.autocrypt === "replace" ? autocryptField(author, own) : undefined;
  return field === undefined ? rest : [...rest, field];
}

/** `addr=…; prefer-encrypt=mutual; keydata=…`; undefined when the key is too large for a field. */
function autocryptField(author: EmailAddress, { bytes }: Certificate): Header[number] | undefined {
  const keydata = Buffer.from(bytes).toString("base64").replaceAll(/.{64}/g, "$& ").trimEnd();
  const attributes = `addr=${formatAddress(author)}; prefer-encrypt=mutual; keydata= ${keydata}`;
  return attributes.length > MAX_OCTETS
    ? undefined
    : makeField("Autocrypt", attributes, { utf8: true });
}

/** Whether a field names this author and holds this certificate's key. */
async function isFor(text: string, author: EmailAddress, own: Certificate): Promise<boolean> {
  const attributes = new Map(
    text.split(";").map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim()];
    }),
  );
  const address = parseAddress(attributes.get("addr") ?? "");
  if (address === undefined || !sameAddress(address, author)) return false;
  const keydata = (attributes.get("keydata") ?? "").replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(keydata)) return false;
  const parsed = await parseCertificates(Buffer.from(keydata, "base64"));
  const [certificate, ...others] = parsed.kind === "parsed" ? parsed.certificates : [];
  const isSame = certificate?.fingerprint === own.fingerprint && others.length === 0;
  // Another subkey of the same primary key would be one that we do not hold.
  return (
    isSame && certificate.subkeyFingerprints.every((each) => own.subkeyFingerprints.includes(each))
  );
}
