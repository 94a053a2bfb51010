import { HOUR, MINUTE } from "../base/time.ts";

const DELAYS_MS = [1, 5, 15, 30].map((minutes) => minutes * MINUTE);

/** How long after so many failures before it something is tried again: 1, 5, 15, 30 and 60 minutes, then hourly. */
export function retryDelayMs(failures: number): number {
  return DELAYS_MS[failures] ?? HOUR;
}
