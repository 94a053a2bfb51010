import { decodeCharset } from "./charset.ts";

/** One `; name=value` of a structured field; `start` is its semicolon and `end` the next one, or the text's end. */
export type Parameter = {
  readonly name: string;
  readonly value: string;
  readonly start: number;
  readonly end: number;
};

type Segment = { readonly start: number; readonly end: number; readonly text: string };

/** No honest field is longer; it is taken as unreadable. */
const MAX_LENGTH = 64 * 1024;
const MAX_SECTIONS = 10_000;

/**
 * A structured field's first value and its parameters as written (RFC 2045 §5.1), comments taken out, quotes resolved.
 * An open quote or comment ends with the text. Linear in the text's length.
 */
export function scanParameters(text: string): {
  readonly value: string;
  /** Where the first value ends: at the first semicolon, or with the text. */
  readonly end: number;
  readonly parameters: readonly Parameter[];
} {
  if (text.length > MAX_LENGTH) return { value: "", end: 0, parameters: [] };
  const [first, ...rest] = splitSegments(text);
  const parameters = rest.flatMap((segment) => {
    const equals = segment.text.indexOf("=");
    if (equals < 1) return [];
    const name = segment.text.slice(0, equals).trim().toLowerCase();
    const value = unquote(segment.text.slice(equals + 1).trim());
    return [{ name, value, start: segment.start - 1, end: segment.end }];
  });
  return { value: first?.text.trim() ?? "", end: first?.end ?? 0, parameters };
}

/** Cuts at each semicolon outside of quotes and comments; a comment (RFC 5322 §3.2.2) becomes a blank. */
function splitSegments(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  let kept = "";
  let keptFrom = 0;
  for (const { kind, from, to } of findMarks(text)) {
    kept += text.slice(keptFrom, from);
    keptFrom = to;
    if (kind === "comment") {
      kept += " ";
    } else {
      segments.push({ start, end: from, text: kept });
      start = to;
      kept = "";
    }
  }
  return [...segments, { start, end: text.length, text: kept + text.slice(keptFrom) }];
}

type Mark = { readonly kind: "comment" | "semicolon"; readonly from: number; readonly to: number };

function findMarks(text: string): readonly Mark[] {
  const marks: Mark[] = [];
  const special = /["();\\]/g;
  let isQuoted = false;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    const from = match.index;
    if (match[0] === "\\") {
      special.lastIndex = from + 2;
    } else if (match[0] === '"') {
      isQuoted = !isQuoted;
    } else if (!isQuoted && match[0] === ";") {
      marks.push({ kind: "semicolon", from, to: from + 1 });
    } else if (!isQuoted && match[0] === "(") {
      const to = commentEnd(text, from);
      marks.push({ kind: "comment", from, to });
      special.lastIndex = to;
    }
  }
  return marks;
}

/** The index after the comment, which may hold others; the text's end when it stays open. */
function commentEnd(text: string, from: number): number {
  const special = /[()\\]/g;
  special.lastIndex = from;
  let depth = 0;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    if (match[0] === "\\") special.lastIndex = match.index + 2;
    else depth += match[0] === "(" ? 1 : -1;
    if (depth === 0) return match.index + 1;
  }
  return text.length;
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  const quoted = /^"((?:[^"\\]|\\[\s\S])*)/.exec(text)?.[1] ?? "";
  return quoted.replace(/\\([\s\S])/g, "$1");
}

/**
 * Parameters by name as RFC 2231 §3 and §4 join and decode them; the first of two equal names counts, and the extended
 * form (`name*`) counts before the plain one.
 */
export function decodeParameters(parameters: readonly Parameter[]): ReadonlyMap<string, string> {
  const plain = new Map<string, string>();
  const sections = new Map<string, Map<number, { value: string; isEncoded: boolean }>>();
  for (const { name, value } of parameters) {
    const [, base = "", index, star] = /^([^*]+)(?:\*(\d{1,4}))?(\*?)$/.exec(name) ?? [];
    if (index === undefined && star !== "*") {
      if (!plain.has(name)) plain.set(name, value);
    } else if (base !== "") {
      const list = sections.get(base) ?? new Map<number, { value: string; isEncoded: boolean }>();
      sections.set(base, list);
      const at = Number(index ?? 0);
      if (!list.has(at)) list.set(at, { value, isEncoded: star === "*" });
    }
  }
  for (const [base, list] of sections) plain.set(base, joinSections(list));
  return plain;
}

function joinSections(
  list: ReadonlyMap<number, { readonly value: string; readonly isEncoded: boolean }>,
): string {
  const pieces: Buffer[] = [];
  let charset = "us-ascii";
  for (let index = 0; index < MAX_SECTIONS; index++) {
    const section = list.get(index);
    if (section === undefined) break;
    let { value } = section;
    if (index === 0 && section.isEncoded) {
      const [, label, text] = /^([^']*)'[^']*'([\s\S]*)$/.exec(value) ?? [];
      charset = label === undefined || label === "" ? charset : label;
      value = text ?? value;
    }
    pieces.push(section.isEncoded ? percentDecode(value) : Buffer.from(value, "utf8"));
  }
  const bytes = Buffer.concat(pieces);
  return decodeCharset(bytes, charset === "us-ascii" ? "utf-8" : charset);
}

function percentDecode(text: string): Buffer {
  const latin1 = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(latin1, "latin1");
}
