import { decodeQ } from "./transfer-encoding.ts";
import { decodeCharset } from "./charset.ts";

/** RFC 2047 §2; blanks inside the text are tolerated because real mail has them. Linear: no part can hold a `?`. */
const ENCODED_WORD = /=\?([^?\s()<>@,;:"/[\]=]+)\?([bBqQ])\?([^?]*)\?=/g;
/** So that `=?utf-8?B?...?=` stays within the 75 characters of RFC 2047 §2. */
const MAX_CHUNK_OCTETS = 45;
/** What an encoded word's decoded bytes came from, until the next of the same kind has been joined to it. */
type Run = { readonly charset: string; readonly pieces: Uint8Array[] };

/** The text with its encoded words decoded; blanks between two of them vanish (RFC 2047 §6.2). */
export function decodeWords(text: string): string {
  if (!text.includes("=?")) return text;
  let out = "";
  let end = 0;
  let run: Run | undefined;
  for (const match of text.matchAll(ENCODED_WORD)) {
    const [word, label = "", encoding = "", encoded = ""] = match;
    const between = text.slice(end, match.index);
    const charset = (label.split("*", 1)[0] ?? label).toLowerCase(); // RFC 2231 §5: "charset*language"
    const bytes =
      encoding.toLowerCase() === "b" ? Buffer.from(encoded, "base64") : decodeQ(encoded);
    const isJoined = run !== undefined && /^\s*$/.test(between);
    if (run !== undefined && isJoined && run.charset === charset) {
      run.pieces.push(bytes); // A character may be cut in two by a careless sender: decode both words as one.
    } else {
      out += finish(run) + (isJoined ? "" : between);
      run = { charset, pieces: [bytes] };
    }
    end = match.index + word.length;
  }
  return out + finish(run) + text.slice(end);
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
