/** The one form of request that the fast lane reads itself. Whatever else HTTP allows is left to Node's own parser. */

export type PlainGet = { readonly url: string; readonly host: string };

const MAX_OCTETS = 4096;
/**
 * One whole GET of HTTP/1.1 and nothing after it (RFC 9112 §3, §5). Its target has no blanks. Its fields neither announce
 * a body nor change how the answer is framed, compared or kept open. Each field is one line of printable ASCII, and Host
 * is there exactly once. Everything that matches, Node's parser reads in the same way; `plain-get.test.ts` compares them.
 */
const FIELD =
  "(?:Accept|Accept-Encoding|Accept-Language|Cache-Control|Pragma|User-Agent): [ -~]*\\r\\n";
const FORM = new RegExp(
  `^GET (/[-!$%&'()*+,./:;=?@~\\w]*) HTTP/1\\.1\\r\\n(?:${FIELD})*Host: ([-.:\\w]+)\\r\\n(?:${FIELD})*\\r\\n$`,
  "i",
);

/** Undefined for everything that is not of that form, also for a part of it. */
export function readPlainGet(chunk: Buffer): PlainGet | undefined {
  if (chunk.length > MAX_OCTETS) return undefined;
  const text = chunk.toString("latin1");
  const match = FORM.exec(text);
  const url = match?.[1];
  const host = match?.[2];
  if (url === undefined || host === undefined) return undefined;
  // Only the names of fields may be in either case.
  const isExact = text.startsWith("GET ") && text.startsWith(" HTTP/", "GET ".length + url.length);
  return isExact ? { url, host } : undefined;
}
