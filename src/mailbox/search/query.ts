/** What a search asks for, as beginnings of terms. */
import type { MailQuery } from "../mailbox.ts";
import { FIELDS, type Field } from "./terms.ts";
import { queryWords } from "./words.ts";

/** Beginnings of terms, of which a message must have one. */
export type Clause = readonly string[];

/** Maximum number of words of a query; what follows is not compared. */
const MAX_WORDS = 50;

const ALL_FIELDS = Object.values(FIELDS);

/** A message is found when each clause holds. A text without any word finds nothing. */
export function clausesOf(query: MailQuery): readonly Clause[] {
  const inField = (field: Field): readonly Clause[] => clausesIn(query[field], [FIELDS[field]]);
  const fields = Object.keys(FIELDS) as readonly Field[];
  return [...clausesIn(query.anywhere, ALL_FIELDS), ...fields.flatMap(inField)];
}

function clausesIn(text: string | undefined, letters: readonly string[]): readonly Clause[] {
  if (text === undefined || text.trim() === "") return [];
  const words = queryWords(text).slice(0, MAX_WORDS);
  if (words.length === 0) return [[]];
  return words.map((word) => letters.map((letter) => letter + word));
}
