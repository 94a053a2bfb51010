import { domainToASCII, domainToUnicode } from "node:url";

import type { Domain } from "./address.ts";

/** Scripts that are ordinarily mixed in one word; any other mixture is not shown (UTS 39, "highly restrictive"). */
const SCRIPTS: readonly RegExp[] = [
  /^[\p{Script=Latin}]+$/u,
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]+$/u,
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Bopomofo}]+$/u,
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Hangul}]+$/u,
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

/** Cyrillic and Greek letters that look Latin: a label of these alone could stand for a Latin one ("аррӏе"). */
const LOOKS_LATIN = /^[асԁеһіјӏорԛѕԝхуъьҽпгѵѡкмтвнαοινρτυωκχ]+$/u;
/** Latin letters that pass for others at a glance. */
const DECEPTIVE_LATIN = /[ıȷɑɡɩɪʀʏɴʟŀĸſƅƍƚƽᴀ-ᴢꞌʼʻˈ·]/u;

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
    !DECEPTIVE_LATIN.test(letters) &&
    !/\p{M}{3}/u.test(label) &&
    SCRIPTS.some((script) => script.test(letters))
  );
}
