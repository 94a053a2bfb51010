/**
 * Mail that waits. Sealed mail does so for its reader's key: opened, judged and marked done, oldest first, when the key is there. That
 * is at once for custody `provider-usable` and with the password for the others. A message whose author's keyserver could
 * not be asked has its verdict, and waits on to be judged again, for three days. The message stays as it was stored; what
 * is kept is the verdict and a summary, so a crash in between only means that the same is done again; three times, then
 * the message counts as its cause.
 */
import { after, DAY, type Clock } from "../base/time.ts";
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { parseHeader, type Header } from "../mail/header.ts";
import { readMessageFacts } from "../mail/message.ts";
import { listWaiting, readMessage, recordVerdict } from "../mailbox/embedded.ts";
import type {
  MessageId,
  MessageVerdict,
  StoredMessage,
  StoredSummary,
} from "../mailbox/mailbox.ts";
import { decrypt } from "../openpgp/decrypt.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import type { KeyId } from "../openpgp/fingerprint.ts";
import { detectProtection } from "../pgpmime/detect.ts";
import type { Opened } from "../pgpmime/open.ts";
import { readdress } from "../pgpmime/readdress.ts";
import type { UnlockedKey } from "../openpgp/secret-key.ts";
import type { ReadInside } from "../store/message-verdicts.ts";
import { beginOpening, endOpening } from "../store/openings.ts";
import type { Store } from "../store/store.ts";
import { keptAbsence, laterSince, waitingSince } from "./evidence.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { judge } from "./judge.ts";
import { judgeClear, shownHeader } from "./signed.ts";
import { summaryOf } from "./summary.ts";
import type { TraceIncoming } from "./tracing.ts";
import { damaged, lockedOld, undecryptable, unprotected } from "./verdicts.ts";

export type PendingDeps = AuthorDeps & {
  readonly store: Store;
  readonly clock: Clock;
  readonly open: (request: {
    readonly message: Uint8Array;
    readonly keys: readonly UnlockedKey[];
  }) => Promise<Opened>;
  readonly trace: TraceIncoming;
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
  for (const waiting of await listWaiting(deps.store, account)) {
    if (!(await isStillUnsure(deps, waiting))) await openArrived(deps, account, keys, waiting.id);
  }
}

/** As `openPending`, one message alone; nothing happens when it does not wait (any more). */
export async function openArrived(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  id: MessageId,
): Promise<void> {
  const message = await readMessage(deps.store, account, id);
  if (message?.state !== "pending") return;
  const now = deps.clock.now();
  const turn = await beginOpening(deps.store, account, id, now);
  if (turn === "in-hand") return;
  if (turn === "too-often") {
    await record(deps, account, message, damaged(now, "opening it ended the process"));
    return;
  }
  try {
    const work = message.form === "wrapped" ? judgeAgain : openOne;
    await work(deps, account, keys, message);
  } catch (error) {
    // The process is alive, so the message is not to blame.
    await endOpening(deps.store, id);
    throw error;
  }
}

/** Opening it again would come to the same: its verdict is `later`, and nothing more is known about its author. */
async function isStillUnsure(deps: PendingDeps, waiting: StoredSummary): Promise<boolean> {
  const author = parseAddress(waiting.outerFrom);
  const { verdict } = waiting;
  // Its key may have been opened since.
  if (verdict.state === "LOCKED_OLD") return false;
  const isLater = verdict.check === "later" && !isGivenUp(waiting, deps.clock.now());
  if (!isLater || author === undefined) return false;
  return (await withKept(deps, waiting)(author)).kind === "unreachable";
}

/** A message in clear whose signature could not be checked when it came; it is encrypted at rest. */
async function judgeAgain(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  message: StoredMessage,
): Promise<void> {
  const now = deps.clock.now();
  const opened = await decrypt({ message: message.body, keys: keys.all });
  if (opened.kind !== "decrypted") {
    const verdict = concluded({ ...message.verdict, checkedAt: now }, message, now);
    await record(deps, account, message, verdict);
    return;
  }
  const outer = parseHeader(opened.data).header;
  const protection = detectProtection(opened.data);
  const { receivedAt } = message;
  const authors = { ...deps, discoverAuthor: withKept(deps, message) };
  const judged = await judgeClear(authors, { outer, protection, receivedAt, now });
  const verdict = concluded(judged, message, now);
  const summary = await wrapSummary(deps, keys, shownHeader(outer, protection, verdict));
  await record(deps, account, message, verdict, { summary });
}

async function wrapSummary(
  deps: PendingDeps,
  keys: UnlockedKeys,
  header: Header,
  authorHeader: Header = header,
): Promise<Uint8Array> {
  const own = keys.mailbox === undefined ? keys.all : [keys.mailbox];
  return encryptAtRest({
    data: summaryOf(header, authorHeader),
    recipients: own.map(({ certificate }) => certificate),
    now: deps.clock.now(),
    isOwn: true,
  });
}

async function openOne(
  deps: PendingDeps,
  account: EmailAddress,
  keys: UnlockedKeys,
  message: StoredMessage,
): Promise<void> {
  const opened = await deps.open({ message: message.body, keys: keys.all });
  const verdict = await verdictOn(deps, account, keys, message, opened);
  const { header } = parseHeader(message.body);
  const shown = opened.kind === "opened" ? opened.protectedHeader : header;
  const authorHeader = verdict.warnings.includes("FROM_MISMATCH") ? header : shown;
  const summary = await wrapSummary(deps, keys, shown, authorHeader);
  // An answer names the message as it is shown; whoever sealed it again may have given it another name outside.
  const { messageId } = readMessageFacts(shown);
  const body = opened.kind === "opened" ? await forMailbox(deps, keys, message) : undefined;
  await record(deps, account, message, verdict, { summary, messageId, body });
}

async function record(
  deps: PendingDeps,
  account: EmailAddress,
  message: StoredMessage,
  verdict: MessageVerdict,
  read: ReadInside = {},
): Promise<void> {
  await recordVerdict(deps.store, account, message.id, verdict, read);
  await deps.trace.opened({ account, message, verdict });
}

/** Where the mailbox has a key pair of its own the message is stored for that one, from now on for it alone. */
async function forMailbox(
  deps: PendingDeps,
  keys: UnlockedKeys,
  { body: message }: StoredMessage,
): Promise<Uint8Array | undefined> {
  if (keys.mailbox === undefined || keys.mailbox === keys.active) return undefined;
  const recipient = keys.mailbox.certificate;
  return readdress({ message, keys: keys.all, recipient, now: deps.clock.now() });
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
    case "damaged":
      return damaged(now, opened.reason);
    case "not-sealed":
      return unprotected(now);
    case "opened": {
      const verdict = await judge(
        authorDeps(deps, message, opened),
        {
          addresses: [account],
          fingerprints: keys.all.map(({ certificate }) => certificate.fingerprint),
        },
        {
          isEncrypted: true,
          outer: parseHeader(message.body).header,
          protectedHeader: opened.protectedHeader,
          signed: opened.payload,
          signatures: opened.signatures,
          receivedAt: message.receivedAt,
        },
      );
      return concluded({ ...verdict, scan: "not-possible", checkedAt: now }, message, now);
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

function isGivenUp({ verdict }: StoredSummary, now: Date): boolean {
  return after(laterSince(verdict, now), ASK_AGAIN_MS) <= now;
}

/**
 * Without a protected From the author is whoever sealed the message again and wrote one outside: his keyserver would learn
 * from the question by whose key the content is signed.
 */
function authorDeps(
  deps: PendingDeps,
  message: StoredMessage,
  { hasProtectedHeader }: Extract<Opened, { kind: "opened" }>,
): AuthorDeps {
  return {
    discoverAuthor: withKept(deps, message),
    ...(deps.findKept === undefined ? {} : { findKept: deps.findKept }),
    findFormer: hasProtectedHeader
      ? deps.findFormer
      : async () => Promise.resolve({ kind: "absent" }),
  };
}

/** The author's certificate from what is known, or the proof of its absence that was kept with the message. */
function withKept(deps: PendingDeps, message: StoredSummary): AuthorDeps["discoverAuthor"] {
  return async (author) => {
    const known = await deps.discoverAuthor(author);
    if (known.kind !== "unreachable") return known;
    return keptAbsence(message.verdict, author, deps.clock.now()) ?? known;
  };
}
