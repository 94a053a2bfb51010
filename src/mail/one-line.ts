/** Texts of strangers, made fit to stand on one line that people read: no controls, no line ends, no change of direction. */

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const UNSEEN_RUNS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** The text with a blank in place of each run of characters that are not seen. */
export function oneLine(text: string): string {
  return text.replaceAll(UNSEEN_RUNS, " ");
}

/** The text with a mark (U+FFFD) in place of each character that is not seen, so that a reader notices. */
export function withMarks(text: string): string {
  return text.replaceAll(UNSEEN, "\u{FFFD}");
}
