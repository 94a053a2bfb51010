/** Pages of a reader's mail: how they are asked for, and how the next one is named. */
import { MAX_PAGE, placeFrom, placeText, type ListPlace } from "../incoming/list-page.ts";
import { text } from "../locales/locales.ts";
import { type Call, type ExitCode, printable, UsageError } from "./command.ts";
import { numberGiven } from "./mail-reader.ts";

/** The options of commands that answer in pages. */
export const PAGE = {
  limit: { value: "N", help: "how many messages a page has, at most 200 (default: 50)" },
  after: { value: "CURSOR", help: "the page behind the one that printed this cursor" },
};
const DEFAULT_PAGE = 50;

export function limitGiven(call: Call): number {
  return numberGiven(call, "limit", { max: MAX_PAGE }) ?? DEFAULT_PAGE;
}

/** @throws UsageError for a text that is no cursor. */
export function placeGiven(call: Call): ListPlace | undefined {
  const given = call.option("after");
  const place = given === undefined ? undefined : placeFrom(given);
  if (given === undefined || place !== undefined) return place;
  throw new UsageError(
    `--after ${printable(given)} is no cursor: give the one that the page before printed`,
  );
}

/** The cursor of the next page, as JSON has it; null on the last page. */
export function nextOf(place: ListPlace | undefined): string | null {
  return place === undefined ? null : placeText(place);
}

/** Says how the next page is asked for, where JSON does not. */
export function pageEnd(call: Call, next: string | null): ExitCode {
  if (next !== null && !call.isJson) call.terminal.complain(text("mail.next-page", { next }));
  return 0;
}
