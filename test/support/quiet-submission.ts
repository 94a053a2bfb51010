/** The submission of one process, of which nothing reaches the network. */
import { noMeter } from "./no-meter.ts";
import { outboundRelay } from "../../src/app/outgoing.ts";
import { openLoginCache } from "../../src/app/open-login-cache.ts";
import type { SubmissionLogin } from "../../src/app/sender.ts";
import { submissionHandlers, type Drain } from "../../src/app/submission.ts";
import type { Config } from "../../src/config/config.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import { clientProtection } from "../../src/outgoing/already-protected.ts";
import type { Handlers } from "../../src/smtp/listener/handlers.ts";
import type { Deps } from "./key-life.ts";
import { mailboxesWith } from "./mailboxes.ts";

/** What of a configuration submission and delivery read. */
export const QUIET_CONFIG = {
  hostname: "mail.alpha.test",
  domains: ["alpha.test"],
  policy: { default: "prefer-clear", domains: {} },
  keys: { autocrypt: "remove", unlockPage: "https://mail.alpha.test/unlock" },
  limits: {
    loginFailures: 10,
    loginFailuresPerNetwork: 100,
    loginCacheMinutes: 10,
    deferredBytes: 1e9,
    deferredMessages: 1000,
  },
  sealing: { legacyDisplay: true },
  notices: { language: "en", digest: false },
  submission: { sentCopies: false, deferHours: 24, noticeHours: 4, split: false },
} as unknown as Config;

/** What its listeners call; `drain` is told of each login whose keys are open. */
export function quietSubmission(deps: Deps, drain: Drain): Handlers<SubmissionLogin> {
  const { store, clock, serviceKeys, keyRules } = deps;
  const refuse = async (): Promise<never> => Promise.reject(new Error("nothing is to be done"));
  const write = () => async () => Promise.resolve();
  const current = () => QUIET_CONFIG;
  const blobs = { roomBytes: async () => Promise.resolve(undefined) };
  const events = { failed: () => undefined };
  const traces = { write, writeLater: write };
  return submissionHandlers({
    vault: { store, clock, serviceKeys, blobs },
    keyRules,
    current,
    events,
    discover: refuse,
    pool: {
      seal: refuse,
      sign: refuse,
      clientProtection: async (message) => clientProtection(message),
      messageWorkForUsers: messageWorkHere,
    },
    mailboxOf: mailboxesWith(clock),
    out: outboundRelay({ store, clock, serviceKeys, current, events, traces, meter: noMeter }),
    drain,
    transactions: { note: () => undefined },
    loginCache: openLoginCache({ clock }, current),
  });
}
