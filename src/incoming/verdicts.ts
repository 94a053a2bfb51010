/** The verdicts that need no judging: what we may say before, or instead of, opening a message. */
import type { MessageVerdict } from "../mailbox/mailbox.ts";

const GOOD: readonly MessageVerdict["state"][] = [
  "CONFIDENTIAL",
  "CONFIDENTIAL_BODY",
  "VERIFIED",
  "VERIFIED_BODY",
];

/** Whether a verdict rests on a signature that counts, so that what is shown must be what was signed. */
export function isGood({ state }: Pick<MessageVerdict, "state">): boolean {
  return GOOD.includes(state);
}

function plain(
  state: MessageVerdict["state"],
  at: Date,
  more: Partial<MessageVerdict> = {},
): MessageVerdict {
  return {
    state,
    warnings: [],
    unsigned: [],
    header: "unprotected",
    signature: "none",
    signedAt: undefined,
    signer: undefined,
    fingerprint: undefined,
    scan: "not-possible",
    checkedAt: at,
    laterSince: undefined,
    served: undefined,
    evidence: {},
    ...more,
  };
}

/** Sealed, and its reader's key is locked: nothing is known about what is inside. */
export function locked(at: Date): MessageVerdict {
  return plain("LOCKED", at, { signature: "unknown", scan: "pending" });
}

/** Sealed to a key that only the user's own device has. */
export function clientOnly(at: Date): MessageVerdict {
  return plain("CLIENT_ONLY", at, { signature: "unknown" });
}

/** Of a message whose verdict is closed: its state, and nothing else. */
export function unknownBut(state: MessageVerdict["state"], at: Date): MessageVerdict {
  return plain(state, at, { signature: "unknown" });
}

/** Ordinary mail. */
export function unprotected(at: Date): MessageVerdict {
  return plain("UNPROTECTED", at);
}

/** What the reader sent. `evidence` says how it left. */
export function sent(at: Date, evidence: MessageVerdict["evidence"]): MessageVerdict {
  return plain("SENT", at, { evidence });
}

/** What the reader has not sent yet. */
export function draft(at: Date): MessageVerdict {
  return plain("DRAFT", at);
}

/** Sealed to a key that is in none of the account's keys. */
export function undecryptable(at: Date): MessageVerdict {
  return plain("UNDECRYPTABLE", at, { signature: "unknown" });
}

/** In a form that we do not read: `form` names it. A later version may, so it can be tried again. */
export function unsupported(at: Date, form: string): MessageVerdict {
  const evidence = { reason: "in a form that is not supported", form };
  return plain("UNDECRYPTABLE", at, { signature: "unknown", evidence });
}

/** Sealed to a key that a forgotten password locks; it waits for that one. */
export function lockedOld(at: Date): MessageVerdict {
  return plain("LOCKED_OLD", at, { signature: "unknown", scan: "pending" });
}

/** Integrity failed, or the message is cut off; nothing of it is shown. `reason` is for the operator's trace only. */
export function damaged(at: Date, reason: string): MessageVerdict {
  return plain("DAMAGED", at, { signature: "unknown", evidence: { reason } });
}
