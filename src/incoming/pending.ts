/**
 * Mail that waits. Sealed mail does so for its reader's key: opened, judged and marked done, oldest first, when the key is there. That
 * is at once for custody `provider-usable` and with the password for the others. A message whose author's keyserver could
 * not be asked has its verdict, and waits on to be judged again, for three days. The message stays as it was stored; what
 * is kept is the verdict and a summary, so a crash in between only means that the same is done again. After three times the
 * message is opened alone in a process of its own, ever more rarely; it is damaged only when it ends that process.
 */
import { errorText, isProgramFault, TooCostly } from "../base/errors.ts";
import { after, DAY, type Clock } from "../base/time.ts";
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { firstField, parseHeader, type Header } from "../mail/header.ts";
import { readMessageFacts } from "../mail/message.ts";
import { listMessages, listWaiting, readMessage, recordVerdict } from "../mailbox/embedded.ts";
import type {
  MessageId,
  MessageVerdict,
  StoredMessage,
  StoredSummary,
} from "../mailbox/mailbox.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import { certificateWorkHere } from "../openpgp/certificate-work.ts";
import type { KeyId } from "../openpgp/fingerprint.ts";
import type { Opened } from "../pgpmime/open.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import { claimedHeader, sealedHeader } from "./sealed-view.ts";
import type { UnlockedKey } from "../openpgp/secret-key.ts";
import type { ReadInside } from "../store/message-verdicts.ts";
import { beginOpening, endOpening, openAgain } from "../store/openings.ts";
import type { Store } from "../store/store.ts";
import type { AuthorDeps } from "./check-signature.ts";
import type { IsReader } from "./deliver.ts";
import { withEncryptedPart } from "./encrypted-part.ts";
import { messageWorkHere, type MessageWork } from "./message-work.ts";
import { asOfArrival, keptWhileWaiting, laterSince, waitingSince } from "./waiting.ts";
import { judgeSealed, type Reader } from "./judge.ts";
import { clearProtection, clearVerdictFor, judgeClear, shownHeader } from "./signed.ts";
import { summaryOf } from "./summary.ts";
import type { TraceIncoming } from "./tracing.ts";
import { damaged, locked, lockedOld, undecryptable, unprotected, unsupported } from "./verdicts.ts";

export type PendingDeps = AuthorDeps & {
  /** Works on whole messages where that keeps nobody waiting; default: here. */
  readonly messageWork?: MessageWork;
  readonly store: Store;
  readonly clock: Clock;
  readonly open: (request: {
    readonly message: Uint8Array;
    readonly keys: readonly UnlockedKey[];
  }) => Promise<Opened>;
  /** As `open`, alone in a process of its own; undefined leaves such mail pending. @throws TooCostly without an end. */
  readonly openAlone?: PendingDeps["open"];
  /** Told of a message that a fault or its cost kept from being opened, and that waits for another try. */
  readonly stuck?: (id: MessageId, reason: string) => void;
  readonly trace: TraceIncoming;
  /** Whether one of these addresses was the account's when a message was signed. */
  readonly isReader: IsReader;
  /** Whether one of these keys is the account's, under a password that was forgotten. */
  readonly isParked: (account: EmailAddress, keyIds: readonly KeyId[]) => Promise<boolean>;
};

/**
 * Opens all that waits for an account, but for what was opened before and whose author still cannot be asked about.
 * @throws AppError (temporary) when a message could not be worked on now; it and the later ones stay pending.
 */
export async function openPending(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
): Promise<void> {
  const waits = await waitingFor(deps, account);
  while (waits.length > 0) await openNext(deps, account, keys, waits);
}

/** What is known of a message that waits, before it is read. */
export type Waits = Pick<StoredSummary, "id" | "outerFrom" | "verdict" | "receivedAt">;

/** What waits for an account, oldest first, for `openNext`. */
export async function waitingFor(
  { store }: Pick<PendingDeps, "store">,
  account: EmailAddress,
): Promise<Waits[]> {
  return (await listWaiting(store, account)).map(({ id, outerFrom, verdict, receivedAt }) => {
    return { id, outerFrom, verdict, receivedAt };
  });
}

/** Maximum number of messages that are passed over at a time. */
const PASSED_OVER = 50;

/**
 * Opens the first of these messages that can be opened, as `openPending` does, and takes it and the ones before it off the list.
 * So whoever opens mail of many accounts can let them take turns.
 */
export async function openNext(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  waits: Waits[],
): Promise<void> {
  for (const waiting of waits.slice(0, PASSED_OVER)) {
    waits.shift();
    if (await isStillUnsure(deps, waiting)) continue;
    await openArrived(deps, account, keys, waiting.id);
    return;
  }
}

/**
 * As `openPending`, one message alone. @returns its verdict; undefined when it could not be opened now, or does not wait (any
 * more).
 */
export async function openArrived(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  id: MessageId,
): Promise<MessageVerdict | undefined> {
  const message = await readMessage(deps.store, account, id);
  if (message?.state !== "pending") return undefined;
  const now = deps.clock.now();
  const turn = await beginOpening(deps.store, account, id, now);
  if (turn === "wait") return undefined;
  if (turn === "alone") deps.stuck?.(id, "opening it was begun and not ended, three times or more");
  try {
    const work = message.form === "wrapped" ? judgeAgain : openOne;
    return await work(turn === "alone" ? alone(deps) : deps, account, keys, message);
  } catch (error) {
    if (error instanceof TooCostly || isProgramFault(error)) {
      // It counts: the next try is later, and at last alone. Other mail does not wait for it.
      deps.stuck?.(id, errorText(error));
      return undefined;
    }
    // The process is alive, so the message is not to blame.
    await endOpening(deps.store, id);
    throw error;
  }
}

function alone(deps: PendingDeps): PendingDeps {
  const open =
    deps.openAlone ??
    (async () => Promise.reject(new TooCostly("it can be opened only in a process of its own")));
  return { ...deps, open };
}

/**
 * Lets sealed mail wait again that could not be opened or counts as damaged: one message, or all of these. It is opened
 * with the rest that waits. @returns how many.
 */
export async function retryOpening(
  { store, clock }: Pick<PendingDeps, "store" | "clock">,
  account: EmailAddress,
  id?: string,
): Promise<number> {
  let count = 0;
  for (const { id: one, state, verdict } of await listMessages(store, account)) {
    const isMeant = id === undefined || id === one;
    const isClosed = verdict.state === "DAMAGED" || verdict.state === "UNDECRYPTABLE";
    if (!isMeant || (state !== "pending" && !isClosed)) continue;
    // A message whose author could not be asked about has been opened: it waits for something else.
    if (state === "pending" && verdict.state !== "LOCKED") continue;
    const { reason: _, form: _form, ...evidence } = verdict.evidence;
    if (await openAgain(store, account, one, { ...locked(clock.now()), evidence })) count += 1;
  }
  return count;
}

/** Opening it again would come to the same: its verdict is `later`, and nothing more is known about its author. */
async function isStillUnsure(deps: PendingDeps, waiting: Waits): Promise<boolean> {
  const author = parseAddress(waiting.outerFrom);
  const { verdict } = waiting;
  // Its key may have been opened since.
  if (verdict.state === "LOCKED_OLD") return false;
  const isLater = verdict.check === "later" && !isGivenUp(waiting, deps.clock.now());
  if (!isLater || author === undefined) return false;
  return (await deps.askAuthor(author, waiting.receivedAt)).kind === "unreachable";
}

/** A message in clear whose signature could not be checked when it came; it is encrypted at rest. */
async function judgeAgain(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  message: StoredMessage,
): Promise<MessageVerdict> {
  const now = deps.clock.now();
  const work = workOf(deps);
  const opened = await work.decrypt({ message: message.body, keys: keys.all });
  if (opened.kind !== "decrypted") {
    const verdict = concluded({ ...message.verdict, checkedAt: now }, message, now);
    return await record(deps, account, message, verdict);
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
  const summary = await wrapSummary(deps, keys, shownHeader(outer, protection, verdict));
  return await record(deps, account, message, verdict, { summary });
}

function workOf({ messageWork = messageWorkHere }: PendingDeps): MessageWork {
  return messageWork;
}

async function wrapSummary(
  deps: PendingDeps,
  keys: UnlockedKeys,
  header: Header,
  claimed: Header = [],
): Promise<Uint8Array> {
  const own = keys.mailbox === undefined ? keys.all : [keys.mailbox];
  return encryptAtRest({
    data: summaryOf(header, claimed),
    recipients: own.map(({ certificate }) => certificate),
    now: deps.clock.now(),
    isOwn: true,
  });
}

async function openOne(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  stored: StoredMessage,
): Promise<MessageVerdict> {
  const received = await workOf(deps).receivedForm({
    form: stored.form,
    body: stored.body,
    keys: keys.all,
  });
  const message = received.kind === "received" ? { ...stored, body: received.message } : stored;
  const opened =
    received.kind === "received"
      ? await deps.open({ message: message.body, keys: keys.all })
      : received;
  const verdict = await verdictOn(deps, account, keys, message, opened);
  const outer = received.kind === "received" ? parseHeader(message.body).header : [];
  const shown = sealedHeader(outer, opened, verdict);
  const summary =
    received.kind === "received"
      ? await wrapSummary(deps, keys, shown, claimedHeader(opened, verdict))
      : undefined;
  // An answer names the message as it is shown; whoever sealed it again may have given it another name outside.
  const { messageId } = readMessageFacts(shown);
  const body = opened.kind === "opened" ? await forMailbox(deps, keys, message) : undefined;
  return await record(deps, account, message, verdict, { summary, messageId, body });
}

async function record(
  deps: PendingDeps,
  account: EmailAddress,
  message: StoredMessage,
  found: MessageVerdict,
  read: ReadInside = {},
): Promise<MessageVerdict> {
  const kept = found.check === "later" ? keptWhileWaiting(message.verdict) : {};
  const verdict = { ...found, evidence: { ...found.evidence, ...kept } };
  await deps.store.transaction(async (tx) => {
    await recordVerdict(tx, account, message.id, verdict, read);
    await deps.trace.opened({ store: tx, account, message, verdict });
  });
  return verdict;
}

/** Where the mailbox has a key pair of its own the message is stored for that one, from now on for it alone. */
async function forMailbox(
  deps: PendingDeps,
  keys: UnlockedKeys,
  { body: message, form }: StoredMessage,
): Promise<Uint8Array | undefined> {
  if (keys.mailbox === undefined || keys.mailbox === keys.active) return undefined;
  const recipient = keys.mailbox.certificate;
  const now = deps.clock.now();
  return workOf(deps).bodyForMailbox({ message, form, keys: keys.all, recipient, now });
}

async function verdictOn(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  message: StoredMessage,
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
      const verdict = await judgeSealed(
        authorDeps(asArrived(deps, message), opened),
        {
          isAmong: readerOf(deps, account),
          fingerprints: keys.all.map(({ certificate }) => certificate.fingerprint),
        },
        {
          isEncrypted: true,
          outer: parseHeader(message.body).header,
          signed: opened.payload,
          signatures: opened.signatures,
          receivedAt: message.receivedAt,
        },
      );
      const found = concluded({ ...verdict, scan: "not-possible", checkedAt: now }, message, now);
      return withEncryptedPart(found, await workOf(deps).holds(opened.payload));
    }
  }
}

/**
 * How long a signature is tried to be checked again. It counts from the first opening, not from the arrival: only opening
 * tells which former key of the author signed, and that one is asked for in the hourly batch, never because somebody
 * reads. A reader who logs in once a week would otherwise be told `unknown` of what nobody ever asked about.
 */
const ASK_AGAIN_MS = 3 * DAY;

function concluded(verdict: MessageVerdict, message: StoredSummary, now: Date): MessageVerdict {
  if (verdict.check !== "later") return verdict;
  return isGivenUp(message, now)
    ? { ...verdict, signature: "unknown", check: "done" }
    : waitingSince(verdict, laterSince(message.verdict, now));
}

function isGivenUp({ verdict }: Pick<StoredSummary, "verdict">, now: Date): boolean {
  return after(laterSince(verdict, now), ASK_AGAIN_MS) <= now;
}

/**
 * Without a protected From the author is whoever sealed the message again and wrote one outside: his keyserver would learn
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
function asArrived(deps: PendingDeps, message: StoredSummary): AuthorDeps {
  const { askAuthor, askAuthorKey, certificateWork = certificateWorkHere } = deps;
  return {
    certificateWork,
    askAuthor: async (author, arrivedAt) =>
      asOfArrival(await askAuthor(author, arrivedAt), author, message.verdict),
    askAuthorKey,
  };
}

function readerOf(deps: PendingDeps, account: EmailAddress): Reader["isAmong"] {
  return async (addresses, signedAt) => deps.isReader(account, addresses, signedAt);
}
