/** What a part's header says about its body (RFC 2045). */
import { type ContentType, contentTypeIn, contentTypeOf } from "./content-type.ts";
import type { MimeDefect } from "./entity.ts";
import { fieldsNamed, type Header, structuredBody } from "./header.ts";

/** A Content-Transfer-Encoding is a word, with comments at most. */
const MAX_ENCODING = 1000;
/** An encoding that nobody knows. */
const UNREADABLE = "unreadable";
const SINGLE_FIELDS = [
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
  "mime-version",
];

export type MimeFields = {
  readonly contentType: ContentType;
  readonly encoding: string;
  readonly defects: readonly MimeDefect[];
};

/** `byDefault` is what a part without Content-Type is, which its parent decides (RFC 2045 §5.2, RFC 2046 §5.1.5). */
export function readMimeFields(header: Header, byDefault: ContentType): MimeFields {
  const defects: MimeDefect[] = [];
  const type = fieldsNamed(header, "content-type");
  const [field] = type;
  if (field !== undefined && contentTypeIn(field) === undefined) defects.push("content-type");
  if (SINGLE_FIELDS.some((name) => fieldsNamed(header, name).length > 1)) {
    defects.push("duplicate-field");
  }
  if (header.some(({ name }) => name === "")) defects.push("garbage-line");
  const [transfer] = fieldsNamed(header, "content-transfer-encoding");
  const encoding =
    transfer === undefined ? "7bit" : encodingName(structuredBody(transfer) ?? UNREADABLE);
  return {
    contentType: field === undefined ? byDefault : contentTypeOf(header),
    encoding,
    defects,
  };
}

function encodingName(body: string): string {
  return (
    /^[^\s;(]+/.exec(body.slice(0, MAX_ENCODING).replace(/^(?:\([^()]*\)\s*)+/, ""))?.[0] ?? "7bit"
  ).toLowerCase();
}
