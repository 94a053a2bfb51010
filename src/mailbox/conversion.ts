/**
 * The conversion of a mailbox: all that is stored under other key pairs of its reader comes under the one that is in force,
 * messages and what stands beside them. Readers see no change. It may run beside all else, be ended at any time, and be done
 * again, when it goes on.
 */
import type { Brand } from "../base/brand.ts";

/** `progress` is told how many stored bodies were looked at, and how many there are to look at. */
export type ConversionWish = {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, all: number) => void) | undefined;
};

/** What came of a conversion. "closed": no key pair is in force, or it is not open. */
export type Conversion =
  | {
      readonly kind: "converted";
      /** How many stored bodies and attachments of drafts were encrypted anew; copies share them. */
      readonly bodies: number;
      /** How many messages stay as they are, and need another key pair. */
      readonly left: number;
      /** Some of these. */
      readonly named: readonly LeftMail[];
    }
  | { readonly kind: "closed" };

/** A message that stays under another key pair: no key here opens it, what it holds is not opened, or its octets are missing. */
export type LeftMail = {
  readonly id: Brand<string, "MessageId">;
  readonly because: "closed" | "unreadable" | "missing";
};
