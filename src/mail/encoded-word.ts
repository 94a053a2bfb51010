import { decodeCharset } from "./charset.ts";
import { decodeQ } from "./transfer-encoding.ts";

/** RFC 2047 §2; blanks inside the text are tolerated because real mail has them. Linear: no part can hold a `?`. */
const ENCODED_WORD = /=\?([^?\s()<>@,;:"/[\]=]+)\?([bBqQ])\?([^?]*)\?=/g;
/** So that `=?utf-8?B?...?=` stays within the 75 characters of RFC 2047 §2. */
const MAX_CHUNK_OCTETS = 45;
/** Adjacent encoded words of one charset, whose bytes are decoded together. */
type Run = { readonly charset: string; readonly pieces: Uint8Array[] };

/** The text with its encoded words decoded; blanks between two of them vanish (RFC 2047 §6.2). */
export function decodeWords(text: string): string {
  let out = "";
  let end = 0;
  let run: Run | undefined;
  for (const match of text.matchAll(ENCODED_WORD)) {
    const between = text.slice(end, match.index);
    const isAdjacent = run !== undefined && /^\s*$/.test(between);
    const word = readWord(match);
    if (run !== undefined && isAdjacent && run.charset === word.charset) {
      run.pieces.push(word.bytes); // A careless sender may have cut a character in two.
    } else {
      out += finish(run) + (isAdjacent ? "" : between);
      run = { charset: word.charset, pieces: [word.bytes] };
    }
    end = match.index + match[0].length;
  }
  return out + finish(run) + text.slice(end);
}

function readWord([, label = "", encoding = "", encoded = ""]: RegExpExecArray): {
  readonly charset: string;
  readonly bytes: Uint8Array;
} {
  const isBase64 = encoding.toLowerCase() === "b";
  const charset = label.replace(/\*.*$/, "").toLowerCase(); // RFC 2231 §5: "charset*language"
  return { charset, bytes: isBase64 ? Buffer.from(encoded, "base64") : decodeQ(encoded) };
}

function finish(run: Run | undefined): string {
  return run === undefined ? "" : decodeCharset(Buffer.concat(run.pieces), run.charset);
}

/**
 * The text with each run of words that need it as encoded words in UTF-8, base64: words beyond ASCII (unless `utf8`),
 * and words longer than `maxWord`, which could not be folded.
 */
export function encodeWords(
  text: string,
  options: { readonly utf8: boolean; readonly maxWord: number },
): string {
  const { utf8, maxWord } = options;
  // Most texts need nothing.
  if (text.length <= maxWord && PLAIN.test(text)) return text.trimEnd();
  const mustEncode = (word: string): boolean =>
    Buffer.byteLength(word) > maxWord || (utf8 ? false : /[^ -~\t]/.test(word));
  let out = "";
  let run = "";
  for (const [piece, blanks = "", word = ""] of text.matchAll(/([ \t]*)([^ \t]+)/g)) {
    if (mustEncode(word)) {
      if (run === "") out += blanks;
      run += run === "" ? word : piece;
    } else {
      out += encodeRun(run) + piece;
      run = "";
    }
  }
  return out + encodeRun(run);
}

/** ASCII without controls. */
const PLAIN = /^[ -~\t]*$/;

function encodeRun(text: string): string {
  const words: string[] = [];
  let chunk = "";
  let octets = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (octets + size > MAX_CHUNK_OCTETS) {
      words.push(chunk);
      chunk = "";
      octets = 0;
    }
    chunk += character;
    octets += size;
  }
  return [...words, chunk]
    .filter((piece) => piece !== "")
    .map((piece) => `=?utf-8?B?${Buffer.from(piece, "utf8").toString("base64")}?=`)
    .join(" ");
}
