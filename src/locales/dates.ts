import type { Language } from "../words/language.ts";

/** The style in which a language writes its dates. */
const STYLE: Readonly<Record<Language, string>> = { en: "en-GB", de: "de", fr: "fr" };

const DAY = { year: "numeric", month: "long", day: "numeric", timeZone: "UTC" } as const;
const TIME = {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
} as const;

/** A day within a text, by UTC. */
export function dayText(date: Date, language: Language): string {
  return new Intl.DateTimeFormat(STYLE[language], DAY).format(date);
}

/** A day and a time within a text, in UTC, which it names. */
export function timeText(date: Date, language: Language): string {
  return new Intl.DateTimeFormat(STYLE[language], { ...DAY, ...TIME }).format(date);
}
