/** A program, or a part of ours, that seals and opens: each is given the same message and the same keys. */
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";

/** One operation: makes its own message ready once, then does the same again and again. */
export type Lane = {
  readonly name: string;
  /** Does it `times` times. @returns the processor time of one, in milliseconds */
  readonly measure: (times: number) => Promise<number>;
};

export type Pair = { readonly seal: Lane; readonly open: Lane };

/** A kind of key, and the container that its owner's software reads. */
export type Kind = {
  readonly name: string;
  readonly isRsa: boolean;
  readonly container: 1 | 2;
  readonly alice: UnlockedKey;
  readonly bob: UnlockedKey;
};

/** What a program does in this process, by its processor time, that of its threads included. */
export function lane(name: string, act: () => unknown): Lane {
  return {
    name,
    measure: async (times) => {
      const start = process.cpuUsage();
      for (let done = 0; done < times; done += 1) await act();
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000 / times;
    },
  };
}
