/** Operands that people paste: IDs, addresses and fingerprints, with what stood around them where they were printed. */

const PAIRS: Readonly<Record<string, string>> = {
  "(": ")",
  "<": ">",
  "[": "]",
  '"': '"',
  "'": "'",
};

/**
 * The text without blanks, brackets and quotation marks around it, and without the period, comma, semicolon or colon
 * behind it. A bracket that has no partner is removed too: it was copied by mistake.
 */
export function withoutDecoration(text: string): string {
  for (let [last, rest] = ["", text.trim()]; ;) {
    if (rest === last) return rest;
    last = rest;
    rest = withoutOneLayer(rest).trim();
  }
}

function withoutOneLayer(text: string): string {
  const [first = "", last = ""] = [text.at(0), text.at(-1)];
  if (text.length > 1 && PAIRS[first] === last) return text.slice(1, -1);
  if (/[.,;:]$/.test(text)) return text.slice(0, -1);
  if (/^[(<[]/.test(text)) return text.slice(1);
  return /[)>\]]$/.test(text) ? text.slice(0, -1) : text;
}

/** What somebody may mean: the text as it is, then the text without its decoration. */
export function readingsOf(text: string): readonly string[] {
  return [...new Set([text, withoutDecoration(text)])];
}
