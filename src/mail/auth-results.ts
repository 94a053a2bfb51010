import {
  fieldBody,
  type Header,
  type HeaderField,
  parseHeader,
  serializeHeader,
  structuredBody,
  withoutFields,
} from "./header.ts";

/** Letters of other alphabets that look like those of our fields' names. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  е: "e",
  ѕ: "s",
  т: "t",
  а: "a",
  υ: "u",
  ε: "e",
  τ: "t",
  α: "a",
  ꓢ: "s",
  ᴇ: "e",
  ѵ: "u",
  с: "c",
  ϲ: "c",
  ᴄ: "c",
  ꓚ: "c",
  і: "i",
  ι: "i",
  ı: "i",
  ɪ: "i",
  ꓲ: "i",
  р: "p",
  ρ: "p",
  ᴘ: "p",
  ꓑ: "p",
  ʀ: "r",
  ꓣ: "r",
};
const PRINTABLE_ASCII = /^[ -~]*$/;
const MAX_NAME = 200;
/** A name of that length in UTF-8, and one character more. */
const MAX_NAME_OCTETS = 4 * (MAX_NAME + 1);
const OURS = /^(?:x)*(?:sealpost)?e2e(?:status|receipt)$/;

/**
 * The header without results that only we may state: `E2E-Status`, `E2E-Receipt`, and `Authentication-Results` that claim one of
 * our own names (RFC 8601 §5). All that a reader could take for the first two goes too: other case, blanks, underscores, an
 * `X-`, letters that look alike, lines that are no proper field. For each way in, before anything else (THREAT_MODEL.md G6).
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

/** True for `E2E-Status`, `E2E-Receipt` and their look-alikes. */
export function isResultField(field: HeaderField): boolean {
  const name = field.name === "" ? (nameIn(field) ?? "") : field.name;
  if (name.length > MAX_NAME || (!name.includes("2") && PRINTABLE_ASCII.test(name))) return false;
  const letters = name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/./gu, (letter) => LOOK_ALIKES[letter] ?? letter);
  return OURS.test(letters.replace(/[^a-z0-9]/g, ""));
}

/** What stands before the first colon of a line that is no proper field. */
function nameIn({ raw }: HeaderField): string | undefined {
  return fieldBody({ name: "", raw: raw.subarray(0, MAX_NAME_OCTETS) }).split(":", 1)[0];
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
