/**
 * Opens one message that waits, with its reader's keys, and records its verdict: sealed mail is opened and judged; mail in
 * clear whose signature could not be checked when it came is judged again.
 */
import { firstField, parseHeader, type Header } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { Summary } from "../mailbox/summary.ts";
import { certificateWorkHere } from "../openpgp/openpgp.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import { type WaitingMessage, type WaitingSummary, recordVerdict } from "../spool/spool.ts";
import { isFinal } from "../store/mail/verdict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { withEncryptedPart } from "./encrypted-part.ts";
import { asHistory, historyVerdict, isHistory } from "./history.ts";
import { judgeSealed, type Reader } from "./judge.ts";
import { keepFound, outlineIn } from "./keep-found.ts";
import { messageWorkHere, type MessageWork } from "./message-work.ts";
import { NO_OUTLINE } from "./outline.ts";
import type { PendingDeps } from "./pending-deps.ts";
import { claimedHeader, sealedHeader, sealedView } from "./sealed-view.ts";
import { clearProtection, clearVerdictFor, judgeClear, shownHeader } from "./signed.ts";
import { summaryOf } from "./summary.ts";
import { damaged, lockedOld, undecryptable, unprotected, unsupported } from "./verdicts.ts";
import { asOfArrival, isGivenUp, laterSince } from "./waiting.ts";

/** Opens a message that waits. @returns the verdict that was recorded. @throws what `deps.open` throws; then nothing is. */
export async function openMessage(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  message: WaitingMessage,
): Promise<MessageVerdict> {
  const work = message.form === "wrapped" ? judgeAgain : openSealed;
  return work(deps, account, keys, message);
}

/** A message in clear whose signature could not be checked when it came; it is encrypted at rest. */
async function judgeAgain(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  message: WaitingMessage,
): Promise<MessageVerdict> {
  const now = deps.clock.now();
  const work = workOf(deps);
  const opened = await work.decrypt({ message: message.body, keys: keys.all });
  if (opened.kind !== "decrypted") {
    // Under a former key: what is known of it stays, and it waits for that key.
    const verdict = { ...message.verdict, state: "LOCKED_OLD", checkedAt: now } as const;
    await recordVerdict(deps.store, account, message.id, verdict);
    return verdict;
  }
  const outer = parseHeader(opened.data).header;
  const { found, holds } = await work.examine(opened.data);
  const protection = clearProtection(opened.data, found);
  const { receivedAt } = message;
  const judged = await clearVerdictFor(
    readerOf(deps, account),
    protection,
    receivedAt,
    await judgeClear(asArrived(deps, message), { outer, protection, receivedAt, now }),
  );
  const verdict = withEncryptedPart(concluded(judged, message, now), holds);
  const outline = await outlineIn(work, { message: opened.data, clear: verdict });
  const header = shownHeader(outer, protection, verdict);
  const summary = summaryOf({ header, verdict, outline });
  return await keepFound(deps, { account, keys }, message, { summary });
}

function workOf({ messageWork = messageWorkHere }: PendingDeps): MessageWork {
  return messageWork;
}

async function openSealed(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  stored: WaitingMessage,
): Promise<MessageVerdict> {
  const received = await workOf(deps).receivedForm({ body: stored.body, keys: keys.all });
  const message = received.kind === "received" ? { ...stored, body: received.message } : stored;
  const opened =
    received.kind === "received"
      ? await deps.open({ message: message.body, keys: keys.all })
      : received;
  const verdict = await verdictOn(deps, account, keys, message, opened);
  const outer = received.kind === "received" ? parseHeader(message.body).header : [];
  const summary = await sealedSummary(deps, outer, opened, verdict);
  const body = opened.kind === "opened" ? await forMailbox(deps, keys, message) : undefined;
  return await keepFound(deps, { account, keys }, stored, { summary, body });
}

/** The summary of a message that came sealed. */
export async function sealedSummary(
  deps: PendingDeps,
  outer: Header,
  opened: Opened,
  verdict: MessageVerdict,
): Promise<Summary> {
  const header = sealedHeader(outer, opened, verdict);
  const claimed = claimedHeader(opened, verdict);
  const outline =
    opened.kind === "opened"
      ? await outlineIn(workOf(deps), { message: sealedView(outer, opened.payload, verdict) })
      : NO_OUTLINE;
  return summaryOf({ header, claimed, verdict, outline });
}

/** Where the mailbox has a key pair of its own the message is stored for that one, from now on for it alone. */
async function forMailbox(
  deps: PendingDeps,
  keys: UnlockedKeys,
  { body: message }: WaitingMessage,
): Promise<readonly Uint8Array[] | undefined> {
  if (keys.mailbox === undefined || keys.mailbox === keys.active) return undefined;
  const recipient = keys.mailbox.certificate;
  const now = deps.clock.now();
  return workOf(deps).bodyForMailbox({ message, keys: keys.all, recipient, now });
}

/** The verdict on a message that came sealed, as it was received, after it was opened. */
export async function verdictOn(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  message: Pick<WaitingMessage, "body" | "verdict" | "receivedAt">,
  opened: Opened,
): Promise<MessageVerdict> {
  const now = deps.clock.now();
  switch (opened.kind) {
    case "no-key":
      return (await deps.isParked(account, opened.keyIds)) ? lockedOld(now) : undecryptable(now);
    case "unsupported":
      return unsupported(now, opened.form);
    case "damaged":
      return damaged(now, opened.reason);
    case "not-sealed":
      return withEncryptedPart(unprotected(now), await workOf(deps).holds(message.body));
    case "opened": {
      const outer = parseHeader(message.body).header;
      const arrived = authorDeps(asArrived(deps, message), opened);
      const verdict = await judgeSealed(
        isHistory(outer) ? asHistory(arrived) : arrived,
        {
          isAmong: readerOf(deps, account),
          fingerprints: keys.all.map(({ certificate }) => certificate.fingerprint),
        },
        {
          isEncrypted: true,
          outer,
          signed: opened.payload,
          signatures: opened.signatures,
          receivedAt: message.receivedAt,
        },
      );
      const judged = { ...verdict, scan: "not-possible", checkedAt: now } as const;
      const found = isHistory(outer) ? historyVerdict(judged) : concluded(judged, message, now);
      return withEncryptedPart(found, await workOf(deps).holds(opened.payload));
    }
  }
}

function concluded(
  verdict: MessageVerdict,
  message: Pick<WaitingSummary, "verdict">,
  now: Date,
): MessageVerdict {
  if (isFinal(verdict)) return verdict;
  return isGivenUp(message, now)
    ? { ...verdict, signature: "unknown" }
    : { ...verdict, laterSince: laterSince(message.verdict, now) };
}

/**
 * Without a protected From the author is whoever sealed the message again and wrote one outside: their keyserver would learn
 * from the question by whose key the content is signed.
 */
function authorDeps(
  { askAuthor, askAuthorKey, ...others }: AuthorDeps,
  { payload }: Extract<Opened, { kind: "opened" }>,
): AuthorDeps {
  const protectedHeader = readProtectedHeader(payload);
  const hasFrom =
    protectedHeader.kind !== "none" && firstField(protectedHeader.fields, "From") !== undefined;
  return {
    ...others,
    askAuthor,
    askAuthorKey: hasFrom ? askAuthorKey : async () => Promise.resolve({ kind: "absent" }),
  };
}

/** By the keys that the author's domain served when the message came. */
function asArrived(deps: PendingDeps, message: Pick<WaitingSummary, "verdict">): AuthorDeps {
  const { askAuthor, askAuthorKey, certificateWork = certificateWorkHere } = deps;
  return {
    certificateWork,
    askAuthor: async (author, arrivedAt) =>
      asOfArrival(await askAuthor(author, arrivedAt), author, message.verdict),
    askAuthorKey,
  };
}

function readerOf(deps: PendingDeps, account: AccountId): Reader["isAmong"] {
  return async (addresses, signedAt) => deps.isReader(account, addresses, signedAt);
}
