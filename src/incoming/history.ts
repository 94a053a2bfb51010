/**
 * Old mail that somebody brought in a file. Nobody saw it arrive, so nobody is asked about its author, and nothing in it is ever
 * confirmed. It carries a field that says so, by which it is judged alike whenever it is opened again.
 */
import { mailDate } from "../mail/date.ts";
import {
  firstField,
  type Header,
  type HeaderField,
  makeField,
  withoutFields,
} from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { AuthorDeps } from "./check-signature.ts";

const FIELD = "X-Sealpost-Imported";
const FIELDS: ReadonlySet<string> = new Set([FIELD.toLowerCase()]);

/** The field of a message that is imported now. */
export function importedField(now: Date): HeaderField {
  return makeField(FIELD, mailDate(now));
}

/** A header without such fields: an earlier import, or a sender, wrote them. */
export function withoutImportedField(header: Header): Header {
  return withoutFields(header, FIELDS);
}

/** Whether a message is history. The field of mail that arrives is taken away, so that nobody on the way has it judged so. */
export function isHistory(header: Header): boolean {
  return firstField(header, FIELD) !== undefined;
}

/** The same, but that nobody knows anything of an author. */
export function asHistory<Deps extends AuthorDeps>(deps: Deps): Deps {
  const nobody = {
    kind: "unreachable",
    reason: "imported from a file, so that nobody was asked",
  } as const;
  return {
    ...deps,
    askAuthor: async () => Promise.resolve(nobody),
    askAuthorKey: async () => Promise.resolve(nobody),
  };
}

/** A verdict that was found without asking anybody: it is final, and warns the reader. */
export function historyVerdict(verdict: MessageVerdict): MessageVerdict {
  const signature = verdict.signature === "later" ? "unknown" : verdict.signature;
  return {
    ...verdict,
    signature,
    laterSince: undefined,
    warnings: [...verdict.warnings, "IMPORTED"],
  };
}
