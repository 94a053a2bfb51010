/** Words that readers give their messages (RFC 9051 §2.3.2). */

/** Maximum number of keywords of a message. */
const MAX_KEYWORDS = 50;
/** Maximum length of a keyword, in UTF-16 units. */
const MAX_LENGTH = 50;

/** The keywords as they are kept, each once, in order; undefined when one of them cannot be one. */
export function readKeywords(given: readonly string[]): readonly string[] | undefined {
  const words = [...new Set(given.map((word) => word.normalize("NFC").trim()))].toSorted();
  const isUsable = (word: string): boolean =>
    word !== "" && word.length <= MAX_LENGTH && !/[\p{C}\p{Z}]/u.test(word);
  return words.length <= MAX_KEYWORDS && words.every(isUsable) ? words : undefined;
}
