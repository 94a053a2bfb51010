/** Terms: what the index knows a message by. Each is a field, one letter, and a word in it; IDs are terms as a whole. */
import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";

import { asBuffer, utf8 } from "../../base/bytes.ts";
import type { Summary } from "../summary.ts";
import { words } from "./words.ts";

/** The letters are stored. */
export const FIELDS = {
  from: "f",
  to: "t",
  subject: "s",
  text: "x",
  attachment: "a",
  keyword: "k",
} as const;
export type Field = keyof typeof FIELDS;

const ID = "i";
const REFERENCE = "r";
/** Octets of a hash that stand for a Message-ID, which may be long and hold anything. */
const ID_OCTETS = 15;

/** Maximum length of a text of which the words are kept, in UTF-16 units; what follows is not found. */
export const MAX_TEXT = 1_000_000;
/** Maximum number of different words of one text. */
const MAX_WORDS = 20_000;
/** Maximum number of references of one message that are kept. */
const MAX_REFERENCES = 200;
/** No word holds it. */
const BETWEEN = "\n";
/** Maximum length of opened terms, in octets: a wrong row does not fill the memory. */
const MAX_OPENED = 16_000_000;

/** The terms of a message as one text: each with a line end before and after it. */
export type TermText = string;

export const NO_TERMS: TermText = "";

/** The terms of the text of a message, which may be long: a thread makes them. */
export function textTerms(text: string): TermText {
  return joined(termsIn("text", text));
}

/** The terms of a message: of its summary, and those of its text. */
export function termsOf(summary: Summary, ofText: TermText): TermText {
  const { from, to, subject, attachments, keywords, claimed, messageId, references } = summary;
  const { sent = [] } = summary;
  const names = attachments.map(({ name }) => name).join(" ");
  return joined([
    ...termsIn("from", `${from} ${claimed}`),
    // Blind recipients stand in no header.
    ...termsIn("to", [to, ...sent.map(({ address }) => address)].join(" ")),
    ...termsIn("subject", subject),
    ...termsIn("attachment", names),
    ...termsIn("keyword", keywords.join(" ")),
    ...(messageId === "" ? [] : [idTerm(messageId)]),
    ...new Set(references.slice(-MAX_REFERENCES).map(referenceTerm)),
    ...listed(ofText),
  ]);
}

/** The same terms with other keywords. */
export function withKeywords(terms: TermText, keywords: readonly string[]): TermText {
  const others = listed(terms).filter((term) => !term.startsWith(FIELDS.keyword));
  return joined([...others, ...termsIn("keyword", keywords.join(" "))]);
}

/** The term of a message that has this Message-ID. */
export function idTerm(messageId: string): string {
  return ID + shortened(messageId);
}

/** The term of a message that refers to this Message-ID. */
export function referenceTerm(messageId: string): string {
  return REFERENCE + shortened(messageId);
}

/** One by one. */
export function listed(terms: TermText): readonly string[] {
  return terms.split(BETWEEN).slice(1, -1);
}

/** Whether one of these is there: a beginning of a term, or a Message-ID as a whole. */
export function hasAnyTerm(terms: TermText, clause: readonly string[]): boolean {
  if (clause.length < MANY) return clause.some((prefix) => hasTerm(terms, prefix));
  const ids = new Set(listed(terms).filter(isOfId));
  return clause.some((prefix) => (isOfId(prefix) ? ids.has(prefix) : hasTerm(terms, prefix)));
}

/** From so many on the terms are listed once, and not looked through for each. */
const MANY = 4;

function isOfId(term: string): boolean {
  return term.startsWith(ID) || term.startsWith(REFERENCE);
}

/** Whether one of the terms begins so. */
function hasTerm(terms: TermText, prefix: string): boolean {
  return terms.includes(BETWEEN + prefix);
}

/** As octets, to be wrapped. */
export function termOctets(terms: TermText): Uint8Array {
  return deflateRawSync(utf8(terms), { level: 4 });
}

/** Out of the octets that `termOctets` made; undefined when they are others. */
export function termsFrom(octets: Uint8Array): TermText | undefined {
  try {
    return inflateRawSync(asBuffer(octets), { maxOutputLength: MAX_OPENED }).toString();
  } catch {
    return undefined;
  }
}

function joined(terms: readonly string[]): TermText {
  return ["", ...terms, ""].join(BETWEEN);
}

function termsIn(field: Field, text: string): readonly string[] {
  const found: string[] = [];
  for (const word of words(text.slice(0, MAX_TEXT))) {
    if (found.length === MAX_WORDS) break;
    found.push(FIELDS[field] + word);
  }
  return found;
}

function shortened(messageId: string): string {
  return createHash("sha256")
    .update(messageId)
    .digest("base64url")
    .slice(0, (ID_OCTETS * 4) / 3);
}
