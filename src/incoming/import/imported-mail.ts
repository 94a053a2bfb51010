/** Old mail as the mailbox keeps it: without what other programs noted in its header, judged as history. */
import { createHash } from "node:crypto";

import { hex } from "../../base/bytes.ts";
import { parseDate } from "../../base/time.ts";
import { stripResultHeaders } from "../../mail/auth-results.ts";
import {
  firstField,
  isHeaderAcceptable,
  parseHeader,
  serializeHeader,
  structuredBody,
  withoutFields,
  type Header,
} from "../../mail/header.ts";
import { readMessageFacts } from "../../mail/mail.ts";
import { MBOX_FIELDS } from "../../mailbox/files/file-flags.ts";
import type { MailContent } from "../../mailbox/mailbox.ts";
import type { Summary } from "../../mailbox/summary.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { AccountId } from "../../words/account.ts";
import { withEncryptedPart } from "../encrypted-part.ts";
import { asHistory, historyVerdict, importedField, withoutImportedField } from "../history.ts";
import { outlineIn } from "../keep-found.ts";
import { messageWorkHere } from "../message-work.ts";
import { sealedSummary, verdictOn } from "../open-message.ts";
import type { PendingDeps } from "../pending-deps.ts";
import { clearProtection, judgeClear } from "../signed.ts";
import { summaryOf } from "../summary.ts";
import { locked, undecryptable } from "../verdicts.ts";

/** A message that is cleaned. `contentHash` is the same whenever it is imported, from whatever form of file. */
export type CleanedMail = {
  readonly header: Header;
  readonly body: Uint8Array;
  readonly contentHash: string;
};

/** Cleans a message with CRLF; undefined where its header cannot be read. `hostname`: whose results are removed. */
export function cleaned(message: Uint8Array, hostname: string): CleanedMail | undefined {
  const parsed = parseHeader(message);
  if (!isHeaderAcceptable(parsed) || parsed.header.every(({ name }) => name === ""))
    return undefined;
  const stripped = stripResultHeaders(withoutFields(parsed.header, MBOX_FIELDS), [hostname]);
  const header = withoutImportedField(stripped);
  const body = message.subarray(parsed.bodyOffset);
  const hash = createHash("sha256").update(serializeHeader(header)).update("\r\n").update(body);
  return { header, body, contentHash: hex(hash.digest()) };
}

/** When a message came, by its newest Received field, else by its Date. */
export function dateIn(header: Header): Date | undefined {
  const received = firstField(header, "Received");
  const text = (received && structuredBody(received))?.split(";").at(-1) ?? "";
  return parseDate(text.replaceAll(/\([^()]*\)/g, "")) ?? readMessageFacts(header).date;
}

/** What is kept of a message. */
export type ImportedMail = {
  readonly content: MailContent;
  readonly summary: Summary;
  readonly sizeBytes: number;
};

/** Judges a message with its reader's keys, and asks nobody. @throws TooCostly when it is too costly to read */
export async function importedMail(
  deps: PendingDeps,
  reader: { readonly account: AccountId; readonly keys: UnlockedKeys },
  mail: CleanedMail,
  receivedAt: Date,
): Promise<ImportedMail> {
  const now = deps.clock.now();
  const header = [importedField(now), ...mail.header];
  const message = Buffer.concat([serializeHeader(header), Buffer.from("\r\n"), mail.body]);
  const work = deps.messageWork ?? messageWorkHere;
  const { found, holds } = await work.examine(message);
  const sizeBytes = message.length;
  const content = { kind: "received", pieces: [message], ciphertext: undefined } as const;
  if (found.kind === "sealed") {
    const summary = await sealed(deps, reader, { header, message, receivedAt });
    return { content: { ...content, ciphertext: found.ciphertext }, summary, sizeBytes };
  }
  const protection = clearProtection(message, found);
  const judged = await judgeClear(asHistory(deps), { outer: header, protection, receivedAt, now });
  const verdict = withEncryptedPart(historyVerdict(judged), holds);
  const outline = await outlineIn(work, { message, clear: verdict });
  return { content, summary: summaryOf({ header, verdict, outline }), sizeBytes };
}

async function sealed(
  deps: PendingDeps,
  { account, keys }: { readonly account: AccountId; readonly keys: UnlockedKeys },
  o: { readonly header: Header; readonly message: Uint8Array; readonly receivedAt: Date },
): Promise<Summary> {
  const { header, message, receivedAt } = o;
  const opened = await deps.open({ message, keys: keys.all });
  const arrived = { body: message, receivedAt, verdict: locked(receivedAt) };
  const found = await verdictOn(deps, account, keys, arrived, opened);
  // What waits in the mailbox is opened again on request alone: `mail retry`, once the key is there.
  const verdict = found.state === "LOCKED_OLD" ? undecryptable(deps.clock.now()) : found;
  return sealedSummary(deps, header, opened, verdict);
}
