/**
 * Why something was answered as it was, in one word for logs and figures. It is chosen by our own codes: the step, the reply
 * code and the enhanced code (RFC 3463), never by a text.
 */
import type { Reply } from "./smtp.ts";

/** The command of the client that was answered. */
export type Step = "auth" | "mail" | "rcpt" | "data";

/** All words. */
export const REASONS = [
  "accepted",
  "wrong-password",
  "throttled",
  "not-authenticated",
  "unknown-recipient",
  "relay-denied",
  "sender-not-allowed",
  "too-many-recipients",
  "mailbox-full",
  "too-large",
  "overloaded",
  "incomplete",
  "malformed",
  "encryption-uncertain",
  "encryption-impossible",
  "keys-locked",
  "login-outdated",
  "next-hop-trouble",
  "next-hop-refused",
  "trouble",
  "other",
] as const;

export type Reason = (typeof REASONS)[number];

/** The word for a reply at a step. */
export function reasonOf(step: Step, { code, enhanced }: Pick<Reply, "code" | "enhanced">): Reason {
  if (code.startsWith("2")) return "accepted";
  return (
    BY_STEP[`${step} ${code} ${enhanced}`] ??
    BY_CODES[`${code} ${enhanced}`] ??
    BY_ENHANCED[enhanced] ??
    "other"
  );
}

type Table = Readonly<Partial<Record<string, Reason>>>;

const BY_STEP: Table = {
  "auth 421 4.7.0": "wrong-password",
  "auth 454 4.7.0": "throttled",
  "auth 454 4.3.2": "overloaded",
  "auth 535 5.7.8": "wrong-password",
  "rcpt 421 4.7.0": "unknown-recipient",
  "rcpt 550 5.7.1": "relay-denied",
  "rcpt 451 4.7.0": "login-outdated",
  "data 550 5.7.1": "sender-not-allowed",
  "data 451 4.7.0": "login-outdated",
};

const BY_CODES: Table = {
  "554 5.7.5": "keys-locked",
  "530 5.7.0": "not-authenticated",
  "452 4.3.1": "overloaded",
};

const BY_ENHANCED: Table = {
  "5.1.1": "unknown-recipient",
  "5.1.3": "malformed",
  "5.1.7": "malformed",
  "5.6.7": "malformed",
  "5.6.0": "malformed",
  "4.5.3": "too-many-recipients",
  "4.2.2": "mailbox-full",
  "5.3.4": "too-large",
  "4.4.2": "incomplete",
  "4.7.5": "encryption-uncertain",
  "5.7.5": "encryption-impossible",
  "4.4.0": "next-hop-trouble",
  "5.0.0": "next-hop-refused",
  "4.3.0": "trouble",
  "5.3.0": "trouble",
};
