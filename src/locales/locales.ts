/**
 * The texts that users read: replies that a mail program shows, notices and bounces, what is said of a message, why something
 * was refused, and what the commands of mail, accounts and keys did. Texts of operators stay in the code that prints them:
 * `--help`, usage, the doctor, logs and faults of the configuration.
 *
 *     en.json             all texts: the others are translated from it
 *     de.json, fr.json    those that reach users by mail, each in all languages
 *     placeholders.ts     the placeholders of the texts (`{address}`), so that the compiler asks for each
 *     dates.ts            days and times within texts
 *
 * A text is found by its key. The compiler asks for a language where a text has several, and refuses one where it has not.
 * Tests find texts that nobody uses, keys and placeholders that differ, and sentences that are too long.
 */
import type { Language } from "../words/language.ts";
import de from "./de.json" with { type: "json" };
import en from "./en.json" with { type: "json" };
import fr from "./fr.json" with { type: "json" };
import type { PLACEHOLDERS } from "./placeholders.ts";

type TextKey = keyof typeof en;

/** A text that there is in every language. */
type TranslatedKey = keyof typeof de;

/** A text that there is in English alone. */
type EnglishKey = Exclude<TextKey, TranslatedKey>;

const CATALOGUES: Readonly<Record<Language, Readonly<Record<TranslatedKey, string>>>> = {
  en,
  de,
  fr,
};

type Placeholders = typeof PLACEHOLDERS;

/** A text that is always the same, in English alone. */
export type PlainKey = Exclude<EnglishKey, keyof Placeholders>;

/** What a text is filled in with: a value for each of its placeholders, or nothing. */
type Values<Key extends TextKey> = Key extends keyof Placeholders
  ? [values: { readonly [Name in Placeholders[Key][number]]: string | number }]
  : [];

type Given = Readonly<Record<string, string | number>>;

/** The text of a key, with its placeholders filled in as they are given; in a language where there are several. */
export function text<Key extends EnglishKey>(key: Key, ...values: Values<Key>): string;
export function text<Key extends TranslatedKey>(
  key: Key,
  ...values: [...Values<Key>, language: Language]
): string;
export function text(key: TextKey, first?: Given | Language, second?: Language): string {
  return typeof first === "string"
    ? filled(wordsOf(key, first), {})
    : filled(wordsOf(key, second), first ?? {});
}

type BaseOf<Key> = Key extends `${infer Base}.other`
  ? `${Base}.one` extends TextKey
    ? Base
    : never
  : never;

/**
 * The text of a number in its plural form; `{count}` is the number. Its key is named without the plural category (CLDR), which
 * stands after a dot.
 */
export function counted(key: BaseOf<EnglishKey>, count: number): string;
export function counted(key: BaseOf<TranslatedKey>, count: number, language: Language): string;
export function counted(key: BaseOf<TextKey>, count: number, language: Language = "en"): string {
  const form = new Intl.PluralRules(language).select(count) === "one" ? "one" : "other";
  return filled(wordsOf(`${key}.${form}`, language), { count });
}

function wordsOf(key: TextKey, language: Language = "en"): string {
  return isTranslated(key) ? CATALOGUES[language][key] : en[key];
}

function isTranslated(key: TextKey): key is TranslatedKey {
  return Object.hasOwn(de, key);
}

/** In one pass: what is filled in is not read for placeholders. */
function filled(words: string, given: Given): string {
  return words.replaceAll(/\{([a-z]+)\}/gi, (all, name: string) => String(given[name] ?? all));
}
