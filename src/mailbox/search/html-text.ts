/** The text of an HTML page without its tags. It is made for words: nobody is shown it, and it is no HTML again. */

/** Elements whose content is no text for readers. */
const OPAQUE = ["script", "style", "title"];
/** Elements that may begin or end within a word. */
const WITHIN_WORDS = new Set(
  "a abbr b big bdi bdo del em font i ins mark s small span strong sub sup u wbr".split(" "),
);
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi;
/** Letters with an accent, which words do without. */
const ACCENTED = /^([a-z])(?:acute|grave|circ|uml|tilde|cedil|ring|caron|slash)$/i;
const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  szlig: "ß",
  aelig: "æ",
  oelig: "œ",
  shy: "",
  zwnj: "",
};

/** One pass, whatever the page is. */
export function textOfHtml(html: string): string {
  const texts: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    texts.push(html.slice(at, open === -1 ? html.length : open));
    if (open === -1) break;
    const isComment = html.startsWith("<!--", open);
    const close = html.indexOf(isComment ? "-->" : ">", open);
    if (close === -1) break;
    const [, name = ""] = /^<\/?([a-z][a-z0-9]*)/i.exec(html.slice(open, open + 20)) ?? [];
    const element = name.toLowerCase();
    if (!WITHIN_WORDS.has(element)) texts.push(" ");
    at = close + (isComment ? 3 : 1);
    if (OPAQUE.includes(element) && html[open + 1] !== "/") at = behindElement(html, at, element);
  }
  return texts.join("").replaceAll(ENTITY, decoded);
}

function behindElement(html: string, from: number, element: string): number {
  const end = new RegExp(`</${element}`, "gi");
  end.lastIndex = from;
  return end.exec(html)?.index ?? html.length;
}

function decoded(_: string, decimal?: string, hexadecimal?: string, name = ""): string {
  if (decimal !== undefined) return character(Number.parseInt(decimal, 10));
  if (hexadecimal !== undefined) return character(Number.parseInt(hexadecimal, 16));
  return ACCENTED.exec(name)?.[1] ?? NAMED[name.toLowerCase()] ?? " ";
}

function character(code: number): string {
  return code > 0 && code <= 0x10_ffff ? String.fromCodePoint(code) : " ";
}
