/** Flags as the bits of a number; the first is the lowest. The numbers are stored. */
import { FLAGS, type Flag } from "./mailbox.ts";

export function bitsOf(flags: readonly Flag[]): number {
  return flags.reduce((bits, flag) => bits | (1 << FLAGS.indexOf(flag)), 0);
}

export function flagsIn(bits: number): readonly Flag[] {
  return FLAGS.filter((flag) => (bits & bitsOf([flag])) !== 0);
}
