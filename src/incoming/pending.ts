/**
 * The queue of mail that waits. Sealed mail waits for its reader's key: it is opened and judged, oldest first, when the key
 * is there (`open-message.ts`). That is at once for custody `provider-usable`, and with the password for the others. A
 * message whose author's keyserver could not be asked has its verdict and stays in the queue, to be judged again, for three
 * days. The message stays as it was stored, and what is kept is the verdict and a summary. After a crash the same is
 * therefore done again. After three times the message is opened alone in a process of its own, ever more rarely; it is
 * damaged only when it ends that process.
 */
import { errorText, isProgramFault, MissingOctets, TooCostly } from "../base/errors.ts";
import { parseAddress } from "../mail/address.ts";
import type { MessageId, MessageVerdict } from "../mailbox/mailbox.ts";
import { readMessage, type WaitingSummary } from "../spool/spool.ts";
import { oneWaiting, walkWaiting } from "../spool/waiting-list.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { isFinal } from "../store/mail/verdict.ts";
import { beginOpening, endOpening, openAgain } from "../store/spool/openings.ts";
import { Conflict } from "../vault/conflict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { openMessage } from "./open-message.ts";
import { withOpen, type PendingDeps } from "./pending-deps.ts";
import { locked } from "./verdicts.ts";
import { isGivenUp } from "./waiting.ts";

export type { PendingDeps } from "./pending-deps.ts";

/**
 * Opens all that waits for an account, but for what was opened before and whose author still cannot be asked about.
 * @throws AppError (temporary) when messages could not be worked on now, which stay pending; after a few of them the
 * later ones do as well.
 */
export async function openPending(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
): Promise<void> {
  const line = waitingFor(deps, account);
  const round = new OpeningRound();
  while (await round.attempt(async () => openNext(deps, account, keys, line)));
  round.end();
}

/** Maximum number of messages that may fail in a round: after so many the trouble is not theirs. */
const MAX_FAILURES = 3;

/** Messages of one account that are opened one after the other: one that cannot be worked on now keeps no other waiting. */
export class OpeningRound {
  readonly #errors: unknown[] = [];
  #failures = 0;

  /**
   * Does one piece of work; a failure is kept. @returns whether there is more to do, as the work says, and after a failure.
   * @throws the failure when there were too many, or when the account has changed.
   */
  async attempt(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      this.#errors.push(error);
      // Octets are missing of one message, and no other fails by that.
      if (!(error instanceof MissingOctets)) this.#failures += 1;
      if (error instanceof Conflict || this.#failures >= MAX_FAILURES) throw error;
      return true;
    }
  }

  /** @throws what failed first. */
  end(): void {
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}

/** What waits for an account, oldest first, read as it is taken. */
export type WaitingLine = AsyncGenerator<WaitingSummary, undefined>;

/** What waits for an account, for `openNext`. */
export function waitingFor({ store }: Pick<PendingDeps, "store">, account: AccountId): WaitingLine {
  return walkWaiting(store, account);
}

/** Maximum number of messages that are passed over at a time. */
const PASSED_OVER = 50;

/**
 * Takes messages off a line until one can be opened, and opens that one as `openPending` does. A caller that opens mail of
 * many accounts can thus let them take turns. @returns whether more may wait.
 */
export async function openNext(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  line: WaitingLine,
): Promise<boolean> {
  for (let passed = 0; passed < PASSED_OVER; passed += 1) {
    const { value: waiting } = await line.next();
    if (waiting === undefined) return false;
    if (await isStillUnsure(deps, waiting)) continue;
    await openArrived(deps, account, keys, waiting.id);
    return true;
  }
  return true;
}

/**
 * As `openPending`, for one message. @returns its verdict; undefined when it could not be opened now, or does not wait.
 */
export async function openArrived(
  deps: PendingDeps,
  account: AccountId,
  keys: UnlockedKeys,
  id: MessageId,
): Promise<MessageVerdict | undefined> {
  const message = await readMessage(deps, account, id);
  if (message === undefined) return undefined;
  const now = deps.clock.now();
  const turn = await beginOpening(deps.store, account, id, now);
  if (turn === "wait") return undefined;
  if (turn === "alone") deps.stuck?.(id, "opening it was begun and not ended, three times or more");
  try {
    return await openMessage(turn === "alone" ? alone(deps) : deps, account, keys, message);
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
  return withOpen(deps, open);
}

/**
 * Lets sealed mail wait again that could not be opened or counts as damaged: one message, or all of these. It is opened
 * with the rest that waits. @returns how many.
 */
export async function retryOpening(
  { store, clock, mailboxOf }: Pick<PendingDeps, "store" | "clock" | "mailboxOf">,
  account: AccountId,
  id?: string,
): Promise<number> {
  const verdict = locked(clock.now());
  let count = 0;
  const retry = async ({ id: one, verdict: before }: WaitingSummary): Promise<void> => {
    // A message whose author could not be asked about has been opened: it waits for something else.
    if (before.state !== "LOCKED") return;
    if (await openAgain(store, account, one, { ...verdict, served: before.served })) count += 1;
  };
  if (id === undefined) {
    for await (const waiting of walkWaiting(store, account)) await retry(waiting);
  } else {
    const waiting = await oneWaiting(store, account, id);
    if (waiting !== undefined) await retry(waiting);
  }
  const owner = { id: account, address: await primaryAddress(store, account) };
  const again = await mailboxOf(store, owner).waitAgain(verdict, id as MessageId | undefined);
  return count + again;
}

/** Opening it again would come to the same: its verdict is `later`, and nothing more is known about its author. */
async function isStillUnsure(deps: PendingDeps, waiting: WaitingSummary): Promise<boolean> {
  const author = parseAddress(waiting.outerFrom);
  const { verdict } = waiting;
  // Its key may have been opened since.
  if (verdict.state === "LOCKED_OLD") return false;
  const isLater = !isFinal(verdict) && !isGivenUp(waiting, deps.clock.now());
  if (!isLater || author === undefined) return false;
  return (await deps.askAuthor(author, waiting.receivedAt)).kind === "unreachable";
}
