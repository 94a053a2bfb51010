/** The only file that reads the clock. Everything else is given a `Clock`. */
export type Clock = { readonly now: () => Date };

export const systemClock: Clock = { now: () => new Date() };

/** Durations in milliseconds: `7 * DAY`. */
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The moment `ms` milliseconds after (or, if negative, before) another. */
export function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

export function fromUnixSeconds(seconds: number): Date {
  return new Date(seconds * SECOND);
}

export function toUnixSeconds(date: Date): number {
  return Math.floor(date.getTime() / SECOND);
}

export function fromUnixMs(ms: number): Date {
  return new Date(ms);
}

/** A date in a text such as RFC 5322 or RFC 3339 write it; undefined when there is none. */
export function parseDate(text: string): Date | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : new Date(ms);
}
