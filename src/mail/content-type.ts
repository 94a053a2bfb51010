import { decodeWords } from "./encoded-word.ts";
import { firstField, type Header, type HeaderField, structuredBody } from "./header.ts";
import { decodeParameters, scanParameters } from "./parameters.ts";

/** What a body is (RFC 2045 §5); type, subtype and parameter names are in lower case, parameter values decoded. */
export type ContentType = {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: ReadonlyMap<string, string>;
};

/** How a part wants to be shown (RFC 2183); an unknown kind is an attachment, and `none` means that it says nothing. */
export type Disposition = {
  readonly kind: "inline" | "attachment" | "none";
  readonly filename?: string;
};

/** RFC 2045 §5.2: what a part without a Content-Type is. */
export const DEFAULT_CONTENT_TYPE: ContentType = {
  type: "text",
  subtype: "plain",
  parameters: new Map([["charset", "us-ascii"]]),
};

const TYPE = /^([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)\s*\/\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+)$/;
/** Names of which a second one, in whatever form, would let two readers see two messages. */
const MUST_BE_UNIQUE = ["boundary", "protocol", "hp"];
/** Of which a second one is tolerated in the same form alone. */
const ONE_FORM = [...MUST_BE_UNIQUE, "charset"];

/** The body of a Content-Type field; undefined when it has no `type/subtype` or a decisive parameter twice. */
export function parseContentType(body: string): ContentType | undefined {
  const { value, parameters } = scanParameters(body);
  const [, type, subtype] = TYPE.exec(value) ?? [];
  if (type === undefined || subtype === undefined) return undefined;
  if (isAmbiguous(parameters.map(({ name }) => name))) return undefined;
  return {
    type: type.toLowerCase(),
    subtype: subtype.toLowerCase(),
    parameters: unspaced(decodeParameters(parameters)),
  };
}

/** RFC 2231 has three forms: `name`, `name*` and the sections `name*0`, `name*1*` and so on, each once. */
function isAmbiguous(names: readonly string[]): boolean {
  return ONE_FORM.some((name) => {
    const own = names.filter((one) => one === name || one.startsWith(`${name}*`));
    const forms = new Set(own.map((one) => (/\*\d/.test(one) ? "sections" : one)));
    const distinct = new Set(own.map((one) => one.replace(/(\d)\*$/, "$1")));
    return forms.size > 1 || (distinct.size < own.length && MUST_BE_UNIQUE.includes(name));
  });
}

/** `charset=utf-8 x` is read as `utf-8`; names may hold blanks, and a boundary is what stands there. */
function unspaced(parameters: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const charset = parameters.get("charset");
  const word = charset?.trim().split(/\s/, 1)[0];
  return word === undefined ? parameters : new Map([...parameters, ["charset", word]]);
}

/** The content type that a header says; where it says none, or nothing readable, the default. */
export function contentTypeOf(header: Header): ContentType {
  const field = firstField(header, "content-type");
  return (field && contentTypeIn(field)) ?? DEFAULT_CONTENT_TYPE;
}

/** Of fields that were read already: several questions about one message ask for the same field. */
const READ = new WeakMap<HeaderField, ContentType | "unreadable">();

/** What a Content-Type field says; undefined where `parseContentType` is. */
export function contentTypeIn(field: HeaderField): ContentType | undefined {
  const read = READ.get(field) ?? parseContentType(structuredBody(field) ?? "") ?? "unreadable";
  READ.set(field, read);
  return read === "unreadable" ? undefined : read;
}

/** The disposition and the file name, which may be the Content-Type's `name`; encoded words in it are tolerated. */
export function dispositionOf(header: Header): Disposition {
  const field = firstField(header, "content-disposition");
  const body = field === undefined ? "" : (structuredBody(field) ?? "unreadable");
  const { value, parameters } = scanParameters(body);
  const name =
    decodeParameters(parameters).get("filename") ?? contentTypeOf(header).parameters.get("name");
  const word = value.toLowerCase();
  const kind = word === "" ? "none" : word === "inline" ? "inline" : "attachment";
  return name === undefined ? { kind } : { kind, filename: decodeWords(name) };
}
