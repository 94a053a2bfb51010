/** The pages for people: no script, nothing from elsewhere, readable without the stylesheet too. */
import { utf8 } from "../base/bytes.ts";
import type { Domain } from "../mail/address.ts";
import { withMarks } from "../mail/one-line.ts";
import { found as foundAnswer, foundHeaders, KEPT } from "./answers.ts";
import type { Entry } from "./entries.ts";
import type { WholeAnswer } from "./lane/whole-answer.ts";
import { STYLE } from "./style.ts";

const HTML = "text/html; charset=utf-8";
const POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export const STYLE_PATH = "/style.css";

export const stylesheet = foundAnswer(foundHeaders(KEPT.byId, "text/css; charset=utf-8"), STYLE);

/** What this is, a form, and how programs are told of it. `place` is the server's name, with the port if it is not 443. */
export function startPage(domains: readonly Domain[], place: string): WholeAnswer {
  const names = domains.map((domain) => `<code>${htmlText(domain)}</code>`).join(", ");
  const keyserver = `hkps://${htmlText(place)}`;
  return page(200, KEPT.byAddress, "OpenPGP keys", [
    `<p>This keyserver has the OpenPGP certificates (public keys) of people with a mail address at ${names}. Your mail
program can use them to send these people encrypted mail, and to check what they signed.</p>`,
    "<h2>Search</h2>",
    searchForm(),
    `<p class="note">Only whole addresses, fingerprints and 64-bit key IDs are found. For an address there is the one key
that is used now; older ones are found by their fingerprints, with their revocation.</p>`,
    "<h2>With GnuPG</h2>",
    "<p>By address, which needs nothing to be set up:</p>",
    `<pre><code>gpg --locate-external-keys NAME@${htmlText(domains[0] ?? "")}</code></pre>`,
    "<p>From this keyserver, by fingerprint, and all you have once more to learn what was revoked:</p>",
    `<pre><code>gpg --keyserver ${keyserver} --recv-keys FINGERPRINT
gpg --keyserver ${keyserver} --refresh-keys</code></pre>`,
    `<p>Nothing can be uploaded here: the provider publishes the keys of its users itself. Mail programs that follow the
SRV record of a domain find this server on their own.</p>`,
  ]);
}

/** What a search came to. */
export function listPage(cache: string, entries: readonly Entry[]): WholeAnswer {
  return page(200, cache, "Keys found", [
    `<ul class="keys">${entries.map(item).join("")}</ul>`,
    searchForm(),
  ]);
}

function item(entry: Entry): string {
  const { fingerprint, created, userIds } = entry.certificate;
  const notes = [...(entry.isRevoked ? ["revoked"] : []), ...(entry.isExpired ? ["expired"] : [])];
  const expires =
    entry.expiresAt === undefined ? [] : [`<dt>Expires</dt><dd>${day(entry.expiresAt)}</dd>`];
  const link = `/pks/lookup?op=get&amp;search=0x${fingerprint}`;
  return [
    `<li><h2>${userIds.map((userId) => htmlText(userId)).join("<br>")}</h2>`,
    ...notes.map((note) => `<p><strong>This key is ${note}.</strong></p>`),
    `<dl><dt>Fingerprint</dt><dd><code>${spaced(fingerprint)}</code></dd>`,
    `<dt>Made</dt><dd>${day(created)}</dd>`,
    ...expires,
    `</dl><p><a href="${link}">Download the key</a></p></li>`,
  ].join("");
}

/** The same for everything that is not found, so that it tells nothing. */
export const absentPage: WholeAnswer = page(404, KEPT.absent, "Not found", [
  "<p>There is no key for that here. Write the whole address, or a whole fingerprint.</p>",
  searchForm(),
]);

function page(
  status: number,
  cache: string,
  title: string,
  content: readonly string[],
): WholeAnswer {
  const text = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title><link rel="stylesheet" href="${STYLE_PATH}"></head>`,
    `<body><main><h1>${title}</h1>`,
    ...content,
    "</main></body></html>",
    "",
  ].join("\n");
  const headers = ["Cache-Control", cache, "Content-Type", HTML, "Content-Security-Policy", POLICY];
  return { status, headers, body: utf8(text) };
}

function searchForm(): string {
  return `<form action="/pks/lookup" method="get" role="search"><input type="hidden" name="op" value="index">
<label for="search">Mail address or fingerprint</label>
<input id="search" name="search" type="text" required autocomplete="off" autocapitalize="none" spellcheck="false">
<button type="submit">Search</button></form>`;
}

function day(time: Date): string {
  return `<time>${time.toISOString().slice(0, 10)}</time>`;
}

/** In groups of four, as people read it to each other. */
function spaced(fingerprint: string): string {
  return fingerprint.replace(/.{4}(?!$)/g, "$& ");
}

/** Without what is not seen or changes the direction of the line. */
function htmlText(text: string): string {
  return withMarks(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
