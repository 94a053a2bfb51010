/**
 * What is done with whole messages that come in. One of 35 MB takes a second: a process that answers the network has
 * threads do it, and is given this with the same types.
 */
import { bodyForMailbox, bodyOfRow, receivedForm } from "../mailbox/embedded/stored-form.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { segmentOf, type MadeSegment, type SegmentMember } from "../mailbox/search/made-segment.ts";
import { messageText } from "../mailbox/search/message-text.ts";
import { textTerms, type TermText } from "../mailbox/search/terms.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { examine, type Examined } from "../pgpmime/examine.ts";
import { findCiphertext, type FoundCiphertext } from "../pgpmime/find-ciphertext.ts";
import { outlineOf, type Outline } from "./outline.ts";
import { clearView } from "./signed.ts";

/** A message as it is shown, or one in clear with its verdict. */
export type OutlineRequest = {
  readonly message: Uint8Array;
  readonly clear?: MessageVerdict | undefined;
};

export type MessageWork = {
  readonly examine: (message: Uint8Array) => Promise<Examined>;
  /** What ciphertext there is in a message that is shown. */
  readonly holds: (shown: Uint8Array) => Promise<FoundCiphertext["kind"]>;
  /** How the text of a message that is shown begins, and what is attached; of mail in clear, as its verdict has it shown. */
  readonly outline: (request: OutlineRequest) => Promise<Outline>;
  /** The terms of the whole text of a message that is shown, for the index. */
  readonly textTerms: (shown: Uint8Array) => Promise<TermText>;
  readonly segmentOf: (members: readonly SegmentMember[]) => Promise<MadeSegment>;
  readonly bodyOfRow: typeof bodyOfRow;
  readonly bodyForMailbox: typeof bodyForMailbox;
  /** What these two are given from a row may be gone afterwards: to another thread, without a copy. */
  readonly receivedForm: typeof receivedForm;
  readonly decrypt: typeof decrypt;
};

/** In this thread, where nobody else waits. */
export const messageWorkHere: MessageWork = {
  examine: async (message) => Promise.resolve(examine(message)),
  holds: async (shown) => Promise.resolve(findCiphertext(shown).kind),
  outline: async ({ message, clear }) =>
    Promise.resolve(outlineOf(clear === undefined ? message : clearView(message, clear).view)),
  textTerms: async (shown) => Promise.resolve(textTerms(messageText(shown))),
  segmentOf: async (members) => Promise.resolve(segmentOf(members)),
  bodyOfRow,
  bodyForMailbox,
  receivedForm,
  decrypt,
};
