import { type EmailAddress, parseAddress } from "./address.ts";
import { decodeWords } from "./encoded-word.ts";
import { printable } from "./header.ts";

/** A name, which anybody may choose, and an address. */
export type Mailbox = { readonly name: string; readonly address: EmailAddress };

type Token = { readonly kind: "word" | "quoted" | "comment" | "sign"; readonly text: string };

const SIGNS = ",;:<>";
const BLANKS = " \t\r\n";
const MAX_MAILBOXES = 10_000;
/** A name, an address and what stands between them; signs count, blanks do not. */
const MAX_TOKENS = 10 * MAX_MAILBOXES;

/**
 * The mailboxes of a From, To or Cc body (RFC 5322 §3.4), groups flattened. Undefined when anything in it can be read in two
 * ways: source routes, blanks or comments inside an address, a name without its address. Undefined too, and at once,
 * beyond ten thousand mailboxes.
 */
export function parseMailboxList(
  body: string,
  options: { readonly allowGroups?: boolean } = {},
): readonly Mailbox[] | undefined {
  const tokens = tokenize(body);
  const items = tokens === undefined ? undefined : splitItems(tokens);
  if (items === undefined) return undefined;
  if (options.allowGroups === false && items.hasGroup) return undefined;
  if (items.list.length > MAX_MAILBOXES) return undefined;
  const mailboxes: Mailbox[] = [];
  for (const item of items.list) {
    const mailbox = readMailbox(item);
    if (mailbox === "malformed") return undefined;
    mailboxes.push(mailbox);
  }
  return mailboxes;
}

type Items = { readonly list: readonly (readonly Token[])[]; readonly hasGroup: boolean };

/** The tokens of each mailbox; empty items are RFC 5322 §4.4's obsolete syntax and harmless. Undefined: groups out of order. */
function splitItems(tokens: readonly Token[]): Items | undefined {
  const list: Token[][] = [];
  let item: Token[] = [];
  let isInGroup = false;
  let hasGroup = false;
  for (const token of tokens) {
    if (isSign(token, ":")) {
      if (isInGroup || !isPhrase(item)) return undefined;
      isInGroup = true;
      hasGroup = true;
    } else if (isSign(token, ";")) {
      if (!isInGroup) return undefined;
      isInGroup = false;
      list.push(item);
    } else if (isSign(token, ",")) {
      list.push(item);
    } else {
      item.push(token);
      continue;
    }
    item = [];
  }
  const isMailbox = (tokens: readonly Token[]): boolean =>
    tokens.some(({ kind }) => kind !== "comment");
  return isInGroup ? undefined : { list: [...list, item].filter(isMailbox), hasGroup };
}

/** Words, quoted strings, comments and signs; undefined when a quote or comment stays open, or beyond the limit. */
function tokenize(body: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  while (at < body.length) {
    const token = nextToken(body, at);
    if (token === undefined) return undefined;
    if (token.text !== "" && tokens.push(token) > MAX_TOKENS) return undefined;
    at = token.end;
  }
  return tokens;
}

function nextToken(body: string, at: number): (Token & { readonly end: number }) | undefined {
  const first = body.charAt(at);
  if (BLANKS.includes(first)) return { kind: "word", text: "", end: blankEnd(body, at) };
  if (SIGNS.includes(first)) return { kind: "sign", text: first, end: at + 1 };
  if (first === ")" || first === "\\") return undefined;
  if (first === "(") return comment(body, at);
  const end = wordEnd(body, at);
  if (end === undefined) return undefined;
  const text = body.slice(at, end);
  return { kind: /^"[^"\\]*(?:\\[\s\S][^"\\]*)*"$/.test(text) ? "quoted" : "word", text, end };
}

function blankEnd(body: string, from: number): number {
  let end = from + 1;
  while (end < body.length && BLANKS.includes(body.charAt(end))) end += 1;
  return end;
}

/** A word runs on through quoted strings and domain literals that touch it: `"a b"@c.example`, `a@[1.2.3.4]`. */
function wordEnd(body: string, from: number): number | undefined {
  const stop = /["\\[\] \t\r\n,;:<>()]/g;
  stop.lastIndex = from;
  for (let match = stop.exec(body); match !== null; match = stop.exec(body)) {
    if (match[0] === '"') {
      const close = closingQuote(body, match.index + 1);
      if (close === undefined) return undefined;
      stop.lastIndex = close + 1;
    } else if (match[0] === "\\") {
      return undefined;
    } else if (match[0] === "[") {
      const close = body.indexOf("]", match.index);
      if (close === -1) return undefined;
      stop.lastIndex = close + 1;
    } else if (match[0] !== "]") {
      return match.index;
    }
  }
  return body.length;
}

function closingQuote(body: string, from: number): number | undefined {
  const special = /["\\]/g;
  special.lastIndex = from;
  for (let match = special.exec(body); match !== null; match = special.exec(body)) {
    if (match[0] === '"') return match.index;
    special.lastIndex = match.index + 2;
  }
  return undefined;
}

function comment(body: string, from: number): (Token & { readonly end: number }) | undefined {
  const special = /[()\\]/g;
  special.lastIndex = from;
  let depth = 0;
  for (let match = special.exec(body); match !== null; match = special.exec(body)) {
    if (match[0] === "\\") special.lastIndex = match.index + 2;
    else depth += match[0] === "(" ? 1 : -1;
    if (match[0] === ")" && depth === 0) {
      const end = match.index + 1;
      return { kind: "comment", text: body.slice(from, end), end };
    }
  }
  return undefined;
}

function readMailbox(item: readonly Token[]): Mailbox | "malformed" {
  const tokens = item.filter(({ kind }) => kind !== "comment");
  const open = tokens.findIndex((token) => isSign(token, "<"));
  const phrase = tokens.slice(0, Math.max(open, 0));
  const [written, ...rest] = tokens.slice(open + 1);
  const isClosed = open === -1 ? rest.length === 0 : isOnlyClose(rest);
  if (written === undefined || written.kind === "sign" || !isClosed) return "malformed";
  const address = parseAddress(written.text);
  if (address === undefined || phrase.some(({ kind }) => kind === "sign")) return "malformed";
  const name = open === -1 ? commentText(item) : phrase.map(phraseText).join(" ");
  return { name: printable(decodeWords(name)), address };
}

function isOnlyClose([close, ...more]: readonly Token[]): boolean {
  return close !== undefined && isSign(close, ">") && more.length === 0;
}

function isSign(token: Token, sign: string): boolean {
  return token.kind === "sign" && token.text === sign;
}

function isPhrase(tokens: readonly Token[]): boolean {
  return tokens.length > 0 && tokens.every(({ kind }) => kind !== "sign");
}

function phraseText({ kind, text }: Token): string {
  return kind === "quoted" ? text.slice(1, -1).replace(/\\([\s\S])/g, "$1") : text;
}

/** `ada@post.example (Ada Quill)`, the older way to write a name. */
function commentText(item: readonly Token[]): string {
  const texts = item.filter(({ kind }) => kind === "comment").map(({ text }) => text.slice(1, -1));
  return texts.join(" ").replace(/\\([\s\S])/g, "$1");
}
