/**
 * Handing copies to the next hop. The first copy's answer is the client's answer. Once it was taken, what is left is
 * committed to the outbox before `250` is said, and tried again until it is taken or bounces. The copy for the sender's
 * mailbox is committed in the same transaction, and so is what is noted of how the message left. A message therefore never
 * ends half sent because the second hand-over failed: it is never lost, with at most one duplicate per crash.
 */
import { AppError } from "../base/errors.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Relay, RelayResult } from "../smtp/relay/hop.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { toKeep, type Copy, type CopyToKeep } from "./copy.ts";
import type { SentCopy } from "./sent-copy.ts";
import type { NoSentCopy, NotTaken } from "./submission.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** The account that a copy belongs to, and the address that its bounce goes to. */
export type CopySender = { readonly account: AccountId; readonly address: EmailAddress };

export type HandOnRequest = {
  readonly sender: CopySender;
  readonly messageId: string;
  readonly copies: readonly Copy[];
  /** The copy for the sender's own mailbox, which is committed with what is left. */
  readonly sent?: SentCopy | undefined;
  /** Notes how the message left, in the same transaction. */
  readonly note?: Also | undefined;
};

/**
 * What the next hop made of a message: it took it, or what is left is kept for later; or it took it for nobody. `noCopy`:
 * why the copy for the sender's own mailbox is not kept, where there is one.
 */
export type HandedOn =
  | { readonly kind: "taken"; readonly noCopy: NoSentCopy | undefined }
  | NotTaken;

export type HandOn = (request: HandOnRequest) => Promise<HandedOn>;

/** Commits copies for later, those that are not kept yet, and what `also` writes; wakes whoever sends them. */
export type KeepForLater = (
  sender: CopySender,
  messageId: string,
  copies: readonly CopyToKeep[],
  also: Also | undefined,
) => Promise<void>;

/** Writes something in the transaction that keeps copies. */
export type Also = (tx: Store) => Promise<void>;

type Deps = {
  readonly relay: Relay;
  readonly keep: KeepForLater;
  readonly trace: TraceOutgoing;
  /** Told what could not be kept of a message that was taken. */
  readonly failed: (error: unknown) => void;
};

/** @returns a function that throws AppError for a message without copies. */
export function handOnWith(deps: Deps): HandOn {
  return async ({ sender, messageId, copies, sent, note }) => {
    const [first, ...rest] = copies;
    if (first === undefined) throw new AppError("no copies to hand on", { temporary: false });
    const result = await deps.relay(first.envelope, first.message);
    deps.trace.relayed({ messageId, copy: first, result });
    if (!isTaken(result)) return { kind: "not-taken", by: worstOf(result) };

    // Named before the first try to keep them: its commit may have been durable although it failed here.
    const left = [...unfinished(first, result), ...rest].map(toKeep);
    const keepWith = async (also: Also | undefined): Promise<void> => {
      if (left.length > 0 || also !== undefined) await deps.keep(sender, messageId, left, also);
    };
    try {
      const settled = await sent?.settle(refusedBy(result));
      const lack: { because?: NoSentCopy | undefined } = {};
      const keepCopy = async (tx: Store): Promise<void> => {
        lack.because = await settled?.(tx);
      };
      await keepWith(inTurn(note, settled && keepCopy));
      return { kind: "taken", noCopy: lack.because };
    } catch (error) {
      if (sent === undefined && note === undefined) throw error;
      deps.failed(error);
      // Whoever is told to try again sends twice what was taken. What is left must be kept, and a copy of it need not be.
      const again = keepWith(note);
      await (left.length > 0 ? again : again.catch(deps.failed));
      return { kind: "taken", noCopy: sent && "failed" };
    }
  };
}

/** Both, one after the other; undefined where there is neither. */
export function inTurn(one: Also | undefined, other: Also | undefined): Also | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return async (tx) => {
    await one(tx);
    await other(tx);
  };
}

/** True when at least one recipient's copy is with the next hop, so that refusing now would send it twice. */
function isTaken(result: RelayResult): boolean {
  return result.recipients.some(({ outcome }) => outcome.kind === "accepted");
}

/** The recipients for whom a hop refused a message for good. */
function refusedBy({ recipients }: RelayResult): readonly EmailAddress[] {
  return recipients
    .filter(({ outcome }) => outcome.kind === "refused" && !outcome.temporary)
    .map(({ address }) => address);
}

/** The recipients whom a hop did not take yet, as a copy for the outbox; also those it refused: they get a bounce. */
function unfinished(copy: Copy, result: RelayResult): readonly Copy[] {
  const left = result.recipients
    .filter(({ outcome }) => outcome.kind !== "accepted")
    .map(({ address }) => address);
  return left.length === 0 ? [] : [{ ...copy, envelope: { ...copy.envelope, recipients: left } }];
}

/** The refusal that is told: the first permanent one, else the first. */
function worstOf(result: RelayResult): NotTaken["by"] {
  const failures = result.recipients.flatMap(({ address, outcome }) =>
    outcome.kind === "refused" ? [{ recipient: address, outcome }] : [],
  );
  return failures.find(({ outcome }) => !outcome.temporary) ?? failures[0];
}
