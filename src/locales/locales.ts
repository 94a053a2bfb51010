/**
 * The texts that users read, in one catalogue per language (`en.json`): replies that a mail program shows, notices and
 * bounces, what is said of a message, and why something was refused. Texts of operators stay in the code that prints them:
 * `--help`, usage, the doctor, logs and faults of the configuration.
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
  const [given = {}]: readonly Readonly<Record<string, string | number>>[] = values;
  return en[key].replaceAll(PLACEHOLDER, (all, name: string) => String(given[name] ?? all));
}

const PLACEHOLDER = /\{([a-z]+)\}/gi;
