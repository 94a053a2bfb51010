import { AppError } from "../../base/errors.ts";
import { fromUnixMs } from "../../base/time.ts";
import { parseAddress, type EmailAddress } from "../../mail/address.ts";

/** A time column: 0 stands for none. */
export function timeOrNone(ms: number): Date | undefined {
  return ms === 0 ? undefined : fromUnixMs(ms);
}

/** A time for a column: none is 0. */
export function msOrZero(date: Date | undefined): number {
  return date?.getTime() ?? 0;
}

/** A text column: "" stands for none. */
export function textOrNone(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/**
 * An address that we wrote ourselves.
 * @throws AppError when the column holds something else: the database was altered.
 */
export function addressFrom(column: string): EmailAddress {
  const address = parseAddress(column);
  if (address === undefined)
    throw new AppError("the database holds a broken address", { temporary: false });
  return address;
}

/** One of the words that a column may hold. @throws AppError when it holds another: the database was altered. */
export function wordFrom<Word extends string>(words: readonly Word[], column: string): Word {
  const word = words.find((one) => one === column);
  if (word === undefined) {
    throw new AppError("the database holds an unknown word", { temporary: false });
  }
  return word;
}
