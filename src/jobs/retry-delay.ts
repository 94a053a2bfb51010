import { after, HOUR, MINUTE } from "../base/time.ts";

const DELAYS_MS = [1, 5, 15, 30].map((minutes) => minutes * MINUTE);

/** How long after so many failures before it something is tried again: 1, 5, 15, 30 and 60 minutes, then hourly. */
export function retryDelayMs(failures: number): number {
  return DELAYS_MS[failures] ?? HOUR;
}

/** How many attempts the schedule makes within a time. */
function attemptsWithin(ms: number): number {
  let attempts = 0;
  for (let atMs = 0; atMs < ms; attempts += 1) atMs += retryDelayMs(attempts);
  return attempts;
}

/**
 * Whether the time that something may take is over, by the clock and by attempts. A clock that jumped forward, or a server
 * that was off, ends nothing: two fifths of the planned attempts must have been made. A clock that was ahead at the beginning never
 * lets the time end: some more attempts than fit into it end it too.
 */
export function isOver(
  job: { readonly attempts: number; readonly createdAt: Date },
  limitMs: number,
  now: Date,
): boolean {
  const planned = attemptsWithin(limitMs);
  const isOld = after(job.createdAt, limitMs) <= now;
  return job.attempts >= Math.ceil(planned * (isOld ? 0.4 : 1.4));
}
