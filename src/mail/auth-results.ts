import { isAscii } from "node:buffer";

import {
  COLON,
  type Header,
  type HeaderField,
  parseHeader,
  serializeHeader,
  structuredBody,
  withoutFields,
} from "./header.ts";

const OURS = /^(?:x)*(?:sealpost)?e2e(?:status|receipt)$/;

/**
 * The header without results that only we may state: `E2E-Status`, `E2E-Receipt`, and `Authentication-Results` that claim one of
 * our own names (RFC 8601 §5). All that a reader could take for the first two goes too: other case, blanks, underscores, an
 * `X-`, names that are not ASCII. For each way in, before anything else (THREAT_MODEL.md G6).
 */
export function stripResultHeaders(header: Header, ownNames: readonly string[]): Header {
  const own = new Set(ownNames.map(plainName));
  return header.filter((field) => !isResultField(field) && !isOwnResult(field, own));
}

/** The same message without such fields, and without those of `names` in lower case. */
export function withoutResults(
  message: Uint8Array,
  ownNames: readonly string[],
  names: ReadonlySet<string> = new Set(),
): Uint8Array {
  const { header, bodyOffset } = parseHeader(message);
  const kept = stripResultHeaders(withoutFields(header, names), ownNames);
  if (kept.length === header.length) return message;
  const fields = serializeHeader(header).length;
  // What separates the header from the body, if anything does.
  const separator = message.subarray(Math.min(fields, bodyOffset), bodyOffset);
  return Buffer.concat([serializeHeader(kept), separator, message.subarray(bodyOffset)]);
}

/**
 * True for `E2E-Status`, `E2E-Receipt`, and what looks like them. The name of a field is ASCII (RFC 6532 §3.2): what stands
 * before the colon of another line may look like ours in more alphabets than anybody can list.
 */
export function isResultField({ name, raw }: HeaderField): boolean {
  if (name !== "") return name.includes("2") && isOurs(name);
  const colon = raw.indexOf(COLON);
  if (colon === -1) return false;
  const before = raw.subarray(0, colon);
  return !isAscii(before) || isOurs(Buffer.from(before).toString("latin1"));
}

function isOurs(name: string): boolean {
  return OURS.test(name.toLowerCase().replace(/[^a-z0-9]/g, ""));
}

function isOwnResult(field: HeaderField, own: ReadonlySet<string>): boolean {
  if (field.name.toLowerCase() !== "authentication-results") return false;
  const body = structuredBody(field);
  // What is too long to be read may claim anything.
  if (body === undefined) return true;
  return own.has(plainName(withoutComments(body).trim().split(/[\s;]/, 1)[0] ?? ""));
}

/** Comments may hold comments, and quoted pairs (RFC 5322 §3.2.2). One that stays open hides all that follows it. */
function withoutComments(text: string): string {
  let depth = 0;
  let kept = "";
  for (const [piece] of text.matchAll(/\\[\s\S]|[^\\]/g)) {
    if (piece === "(") depth += 1;
    if (depth === 0) kept += piece.at(-1) ?? "";
    if (piece === ")" && depth > 0) {
      depth -= 1;
      kept += " ";
    }
  }
  return kept;
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^"(.*)"$/, "$1")
    .replace(/\.$/, "");
}
