import { domainToASCII, domainToUnicode } from "node:url";

import type { Domain } from "./address.ts";

/**
 * What a label may be written in: one script, or the scripts of Japanese, Chinese or Korean. Latin stands alone: beside it
 * signs such as 〇, 丨, 一 or ノ would pass for letters and slashes.
 */
const SCRIPTS: readonly RegExp[] = [
  // Of Latin the letters of European alphabets; others are too near to these at a glance.
  /^[a-z\u{DF}-\u{EF}\u{F1}-\u{F6}\u{F8}-\u{FD}\u{FF}-\u{17F}\u{219}\u{21B}]+$/u,
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+$/u,
  /^[\p{Script=Han}\p{Script=Bopomofo}]+$/u,
  /^[\p{Script=Han}\p{Script=Hangul}]+$/u,
  /^\p{Script=Cyrillic}+$/u,
  /^\p{Script=Greek}+$/u,
  /^\p{Script=Arabic}+$/u,
  /^\p{Script=Hebrew}+$/u,
  /^\p{Script=Devanagari}+$/u,
  /^\p{Script=Bengali}+$/u,
  /^\p{Script=Tamil}+$/u,
  /^\p{Script=Telugu}+$/u,
  /^\p{Script=Thai}+$/u,
  /^\p{Script=Georgian}+$/u,
  /^\p{Script=Armenian}+$/u,
];

/** Cyrillic, Greek and Armenian letters that look Latin: a label of these alone could stand for a Latin one ("аррӏе"). */
const LOOKS_LATIN = /^[асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвнαοινρτυωκχօոսցհյւզքգլե]+$/u;
/** Letters and signs that pass for others at a glance. */
const DECEPTIVE = /[ıŀĸŉſ〇丨一ノ丶丿亅]/u;

/**
 * The domain for people's eyes: with U-labels when each label is of one script and not mistakable for a Latin name,
 * else the A-labels, which nobody mistakes (RFC 5890 §4.4).
 */
export function displayDomain(domain: Domain): string {
  if (!domain.includes("xn--")) return domain;
  const unicode = domainToUnicode(domain);
  const isSafe = unicode.split(".").every(isSafeLabel) && domainToASCII(unicode) === domain;
  return isSafe ? unicode : domain;
}

function isSafeLabel(label: string): boolean {
  if (/^[-a-z0-9]*$/.test(label)) return !label.startsWith("xn--");
  const letters = label.replace(/[-0-9\p{M}]/gu, "");
  return (
    !LOOKS_LATIN.test(letters) &&
    !DECEPTIVE.test(letters) &&
    !/\p{M}{3}/u.test(label) &&
    SCRIPTS.some((script) => script.test(letters))
  );
}
