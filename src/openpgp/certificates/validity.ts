import { after, MINUTE, SECOND } from "../../base/time.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import type { Bound } from "./bound.ts";

/** Clocks of others may be this much ahead. */
export const SKEW_MS = 10 * MINUTE;

/** When a signature stops counting; undefined: never. */
export function expiryOf(signature: KeySignature): Date | undefined {
  const { created, expiresAfterSeconds } = signature;
  return expiresAfterSeconds === undefined
    ? undefined
    : after(created, expiresAfterSeconds * SECOND);
}

/** When the key expires that this signature is about, counted from the key's creation (RFC 9580 §5.2.3.13). */
export function keyExpiryOf(
  signature: KeySignature | undefined,
  keyCreated: Date,
): Date | undefined {
  const seconds = signature?.keyExpiresAfterSeconds;
  return seconds === undefined ? undefined : after(keyCreated, seconds * SECOND);
}

/** The first of several moments; undefined stands for never. */
export function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  return dates.reduce(
    (first, date) =>
      first === undefined || (date !== undefined && date < first) ? (date ?? first) : first,
    undefined,
  );
}

/** True when a moment is at or after an expiry. */
export function isPast(expiry: Date | undefined, moment: Date): boolean {
  return expiry !== undefined && expiry <= moment;
}

/** Every reason except superseded, retired and user ID no longer valid takes all signatures ever made with it. */
export function isHardReason(code: number): boolean {
  return ![1, 3, 32].includes(code);
}

/** As `isHardReason`, of a revocation; one that gives no reason is hard. */
export function isHard(revocation: KeySignature): boolean {
  return isHardReason(revocation.reason?.code ?? 0);
}

/**
 * What revocations mean for something done at a moment: `hard` whenever it was done; `before` when a soft one was dated
 * at or before it; `since` when a soft one came later.
 */
export function revocationAt(bound: Bound, moment: Date): "none" | "hard" | "before" | "since" {
  if (bound.isUncertain || bound.revocations.some(isHard)) return "hard";
  if (bound.revocations.length === 0) return "none";
  return bound.revocations.some(({ created }) => created <= moment) ? "before" : "since";
}
