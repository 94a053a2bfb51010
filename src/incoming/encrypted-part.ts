/** What is said of ciphertext in mail that is not sealed as a whole, and how it is opened apart. */
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { findCiphertext, type FoundCiphertext, sealedAlone } from "../pgpmime/find-ciphertext.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import type { PendingDeps } from "./pending-deps.ts";
import { damaged, undecryptable, unprotected, unsupported } from "./verdicts.ts";

const NOTES = { one: ["ENCRYPTED_PART"], unreadable: ["ENCRYPTED_UNREADABLE"], none: [] } as const;

/** The verdict with a warning where what is shown holds ciphertext, so that it is not taken for empty mail. */
export function withEncryptedPart(
  verdict: MessageVerdict,
  holds: FoundCiphertext["kind"],
): MessageVerdict {
  const notes = NOTES[holds].filter((note) => !verdict.warnings.includes(note));
  return notes.length === 0 ? verdict : { ...verdict, warnings: [...verdict.warnings, ...notes] };
}

/** A part that was opened apart: never in a good state, whatever signed it. */
export type OpenedApart = { readonly verdict: MessageVerdict; readonly payload: Uint8Array };

/**
 * Opens the one ciphertext that stands in a message, with the keys of its reader. The state of the message stays as it is;
 * that of the part is at best `UNPROTECTED`. Undefined when there is none, or more than one.
 */
export async function openApart(
  deps: Pick<PendingDeps, "open" | "clock">,
  message: Uint8Array,
  keys: Parameters<PendingDeps["open"]>[0]["keys"],
): Promise<OpenedApart | undefined> {
  const found = findCiphertext(message);
  if (found.kind !== "one") return undefined;
  const opened = await deps.open({ message: sealedAlone(found.ciphertext), keys });
  const now = deps.clock.now();
  if (opened.kind !== "opened") return { verdict: closed(opened, now), payload: new Uint8Array() };
  const verdict = { ...unprotected(now), warnings: ["OPENED_APART"] };
  return {
    verdict: withEncryptedPart(verdict, findCiphertext(opened.payload).kind),
    payload: opened.payload,
  };
}

function closed(opened: Exclude<Opened, { kind: "opened" }>, now: Date): MessageVerdict {
  switch (opened.kind) {
    case "no-key":
      return undecryptable(now);
    case "unsupported":
      return unsupported(now, opened.form);
    case "damaged":
      return damaged(now, opened.reason);
    case "not-sealed":
      return damaged(now, "the part is no ciphertext");
  }
}
