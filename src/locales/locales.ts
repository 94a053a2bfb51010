/**
 * The texts that users read, in one catalogue per language (`en.json`): replies that a mail program shows, notices and
 * bounces, what is said of a message, why something was refused, and what the commands of mail, accounts and keys did. Texts of
 * operators stay in the code that prints them: `--help`, usage, the doctor, logs and faults of the configuration.
 *
 * A text is found by its key. Its placeholders (`{address}`) are named in `placeholders.ts`, so that the compiler asks for
 * each; tests find texts that nobody uses, placeholders that differ, and sentences that are too long.
 */
import en from "./en.json" with { type: "json" };
import type { PLACEHOLDERS } from "./placeholders.ts";

export type TextKey = keyof typeof en;

type Placeholders = typeof PLACEHOLDERS;

/** A text that is always the same. */
export type PlainKey = Exclude<TextKey, keyof Placeholders>;

/** What a text is filled in with: a value for each of its placeholders, or nothing. */
type Values<Key extends TextKey> = Key extends keyof Placeholders
  ? [values: { readonly [Name in Placeholders[Key][number]]: string | number }]
  : [];

/** The text of a key, with its placeholders filled in as they are given. */
export function text<Key extends TextKey>(key: Key, ...values: Values<Key>): string {
  const [given = {}] = values;
  return filled(en[key], given);
}

type BaseOf<Key> = Key extends `${infer Base}.other`
  ? `${Base}.one` extends TextKey
    ? Base
    : never
  : never;

/** A text that depends on a number. Its key is named without the plural category (CLDR), which stands after a dot. */
export type CountedKey = BaseOf<TextKey>;

/** The text of a number in its plural form; `{count}` is the number. */
export function counted(key: CountedKey, count: number): string {
  const form = new Intl.PluralRules("en").select(count) === "one" ? "one" : "other";
  return filled(en[`${key}.${form}`], { count });
}

/** In one pass: what is filled in is not read for placeholders. */
function filled(words: string, given: Readonly<Record<string, string | number>>): string {
  return words.replaceAll(/\{([a-z]+)\}/gi, (all, name: string) => String(given[name] ?? all));
}
