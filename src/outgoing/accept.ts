/** How a message that leaves, or waits, is accepted: with the copy for its sender's own mailbox. */
import { whyInClear } from "../mailbox/sent-notices.ts";
import type { Copy } from "./copy.ts";
import { inTurn } from "./hand-on.ts";
import { recipientsOf, type PreparedSent, type SentRequest } from "./sent-copy.ts";
import type { NoSentCopy, SentAs, Submission } from "./submission.ts";
import type { Sender, SubmitDeps } from "./submit-deps.ts";

/** Hands copies to the next hop, and keeps the sender's own. */
export async function handOn(
  deps: SubmitDeps,
  o: Pick<SentRequest, "envelope" | "prepared" | "looked"> & {
    readonly sender: Sender;
    readonly copies: readonly Copy[];
  },
  sentAs: Exclude<SentAs, { kind: "deferred" }>,
): Promise<Submission> {
  const { sender, prepared, copies } = o;
  const { messageId } = prepared;
  const sent = await sentCopyOf(deps, o, sentAs.kind);
  const copy = sent?.kind === "ready" ? sent.copy : undefined;
  const note = inTurn(
    sentAs.kind === "clear" ? undefined : await deps.protectedName(sender.account, messageId),
    deps.countInClear(sender, whyInClear(recipientsOf({ ...o, how: sentAs.kind }))),
  );
  const handedOn = await deps.handOn({ sender, messageId, copies, sent: copy, note });
  if (handedOn.kind !== "taken") return handedOn;
  const because = sent?.kind === "none" ? sent.because : handedOn.noCopy;
  return accepted(deps, messageId, sentAs, because);
}

/** The copy for the sender's own mailbox, where the installation keeps one. */
export async function sentCopyOf(
  { prepareSent }: Pick<SubmitDeps, "prepareSent">,
  o: Pick<SentRequest, "envelope" | "prepared" | "looked"> & { readonly sender: Sender },
  how: SentRequest["how"],
): Promise<PreparedSent | undefined> {
  const { sender, envelope, prepared, looked } = o;
  const owner = { id: sender.account, address: sender.address };
  return prepareSent?.({ owner, keys: sender.keys, envelope, prepared, how, looked });
}

/** What an accepted message came to; the trace says where there is no copy. */
export function accepted(
  { trace }: Pick<SubmitDeps, "trace">,
  messageId: string,
  sentAs: SentAs,
  noCopy: NoSentCopy | undefined,
): Submission {
  if (noCopy === undefined) return { kind: "accepted", sentAs };
  trace.noSentCopy({ messageId, because: noCopy });
  return { kind: "accepted", sentAs, noCopy };
}
