/** What the replies of a hop come to. */
import { oneLine } from "../../mail/one-line.ts";
import type { HopReply } from "./client.ts";
import type { Obstacle, Outcome } from "./hop.ts";

/** Maximum length of what is kept of a reply. */
const MAX_TEXT = 400;

/** The outcome of a recipient, by the reply to the end of the data. */
export function outcomeOf(given: HopReply | undefined): Outcome {
  return given !== undefined && given.code >= 200 && given.code < 300
    ? { kind: "accepted", text: textOf(given) }
    : refused(given);
}

/** 5yz is for ever; all else, and what makes no sense, may be tried again. */
export function refused(given: HopReply | undefined): Outcome {
  if (given === undefined) return { ...LOST };
  const { code } = given;
  return { kind: "refused", code, text: textOf(given), temporary: code < 500 };
}

/** As `refused`, of a reply that says nothing about the message: it may always be tried again. */
export function retry(given: HopReply | undefined): Outcome {
  return given === undefined
    ? { ...LOST }
    : { kind: "refused", code: given.code, text: textOf(given), temporary: true };
}

/** A refusal of our own, of a hop that is not as it should be: somebody will correct it. */
export function notNow(obstacle: Obstacle, text: string): Outcome {
  return { kind: "refused", code: 0, obstacle, text, temporary: true };
}

const LOST = {
  kind: "refused",
  code: 0,
  obstacle: "no-reply",
  text: "4.4.2 the next mail server gave no reply",
  temporary: true,
} as const;

/** One line that may stand in a reply, a trace or a bounce. */
function textOf({ lines }: HopReply): string {
  return oneLine(lines.join(" ")).slice(0, MAX_TEXT);
}
