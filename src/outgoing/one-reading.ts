import { fieldBody, fieldsNamed, type Header, makeField } from "../mail/header.ts";
import { rewritten } from "../pgpmime/payload-header.ts";

/** Lists that some programs write in several fields: they are joined, by a comma or a blank. */
const JOINED: ReadonlyMap<string, string> = new Map([
  ["to", ", "],
  ["cc", ", "],
  ["reply-to", ", "],
  ["in-reply-to", " "],
  ["references", " "],
]);

/**
 * A submitted header in a form that every reader reads alike (RFC 5322 §3.6): lines of blanks and blanks before a colon are
 * gone, lists stand in one field each. What would be another author, text or structure is left for `makePayload` to refuse.
 */
export function withOneReading(header: Header): Header {
  const clear = header.flatMap(rewritten);
  return clear.flatMap((field) => {
    const separator = JOINED.get(field.name.toLowerCase());
    const all = separator === undefined ? [field] : fieldsNamed(clear, field.name);
    if (separator === undefined || all.length === 1) return [field];
    if (all[0] !== field) return [];
    const bodies = all.map(fieldBody).filter((body) => body !== "");
    return [makeField(field.name, bodies.join(separator), { utf8: true })];
  });
}
