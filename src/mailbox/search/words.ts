/** The words of a text in any script, as the index keeps them and as a query is compared with them. */

/** Maximum length of a word, in characters; a longer one is cut, in texts and in queries. */
const MAX_WORD = 32;

/**
 * Combining marks that are accents of a letter: Latin, Greek and Cyrillic accents, points of Hebrew, vowel signs of Arabic,
 * and the stroke that lengthens an Arabic word. Marks of other scripts are vowels, and stay.
 */
const ACCENTS =
  /[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0640]/gu;

/** Maximum length of a text in its compatible form, in UTF-16 units. */
const MAX_FOLDED = 2_000_000;

const RUN = /[\p{L}\p{N}\p{M}]+/gu;

/** Scripts that are written without blanks between words. */
const UNSPACED =
  "\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}";
const HAS_UNSPACED = new RegExp(`[${UNSPACED}]`, "u");
const PIECE = new RegExp(`[${UNSPACED}]+|[^${UNSPACED}]+`, "gu");

/** Letters without case and accents, in the compatible form (Unicode NFKC); what looks alike to readers is the same. */
function folded(text: string): string {
  // German sharp s is two letters in capitals only, and the Greek letter sigma has another form at the end of a word.
  // A single character may stand for a whole sentence.
  const letters = text
    .normalize("NFKD")
    .slice(0, MAX_FOLDED)
    .replaceAll(ACCENTS, "")
    .toUpperCase()
    .toLowerCase();
  return letters.replaceAll("ς", "σ").normalize("NFKC");
}

/**
 * The different words of a text. In a script without blanks they are each pair of neighbouring characters, and the last
 * character of a run: so each character begins a word, and a query of any part of a run finds it.
 */
export function words(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [run] of folded(text).matchAll(RUN)) {
    if (HAS_UNSPACED.test(run)) addPieces(found, run);
    else found.add(cut(run));
  }
  return found;
}

/** As `words`, for a query: a run that no blank divides is its pairs only, because each of them must be there. */
export function queryWords(text: string): readonly string[] {
  const all = [...words(text)];
  const isCovered = (word: string): boolean =>
    HAS_UNSPACED.test(word) &&
    all.some((other) => other !== word && other.endsWith(word) && HAS_UNSPACED.test(other));
  return all.filter((word) => !isCovered(word));
}

function addPieces(found: Set<string>, run: string): void {
  for (const [piece] of run.matchAll(PIECE)) {
    if (!HAS_UNSPACED.test(piece)) {
      found.add(cut(piece));
      continue;
    }
    const characters = Array.from(piece);
    characters.forEach((character, at) => {
      found.add(character + (characters[at + 1] ?? ""));
    });
  }
}

function cut(word: string): string {
  return word.length <= MAX_WORD ? word : Array.from(word).slice(0, MAX_WORD).join("");
}
