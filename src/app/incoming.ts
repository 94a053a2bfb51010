/** Wires delivery: MX and LMTP answer through `incoming/deliver`; sealed mail of `provider-usable` accounts opens after. */
import { findAccount } from "../accounts/embedded.ts";
import { AppError } from "../base/errors.ts";
import { HOUR } from "../base/time.ts";
import {
  answerReader,
  deliver,
  type ArrivedMessage,
  type DeliverDeps,
} from "../incoming/deliver.ts";
import { withAbsence } from "../incoming/evidence.ts";
import { openPending } from "../incoming/pending.ts";
import { unlockWithService } from "../keys/vault.ts";
import {
  canonicalAddress,
  parseAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { listWaiting, recordWaiting, roomFor, waitingAccounts } from "../mailbox/embedded.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import { parseCertificates } from "../openpgp/certificate.ts";
import type { Sender } from "../outgoing/submit.ts";
import type { Handlers } from "../smtp/listener.ts";
import type { Account } from "../store/accounts.ts";
import { listPublished } from "../store/certificates.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";

/** What the MX and LMTP listeners call; disposing waits for what is being opened. */
export type WayIn = AsyncDisposable & { readonly handlers: Handlers<Sender>; readonly task: Task };

export function wayIn(parts: Parts): WayIn {
  const { store, config } = parts;
  const opening = new Opening(parts);
  const deps: DeliverDeps = {
    store,
    clock: parts.clock,
    hostname: config.hostname,
    isOurs: (domain) => config.domains.includes(domain),
    findAccount: async (address) =>
      (await findAccount(store, address)) ?? findAccount(store, withoutSubaddress(address)),
    hasRoom: async (account, sizeBytes) =>
      (await roomFor(store, account.address, config.limits, sizeBytes)) === "room",
    wrapFor: async (account, data) => wrapFor(parts, account, data),
    arrived: (account, message) => {
      opening.begin(account.address, message);
    },
    trace: parts.trace,
    failed: (error) => {
      parts.events.failed("delivery", error);
    },
    discoverAuthor: async (author) => parts.discover(author, { isForIncoming: true }),
    findFormer: parts.findFormerOnline,
  };
  return {
    handlers: {
      rcpt: async (_client, { sizeBytes }, recipient) => answerReader(deps, recipient, sizeBytes),
      data: async ({ protocol, name, address }, envelope, message) => {
        const client = `${name} ([${address}])`;
        const replies = await deliver(deps, { envelope, message, received: { protocol, client } });
        const [first] = config.domains;
        parts.events.delivered({ domain: first ?? config.hostname, recipients: replies.length });
        return replies;
      },
    },
    task: { name: "open what waits", everyMs: HOUR, run: async () => opening.askAgain() },
    [Symbol.asyncDispose]: () => opening.finish(),
  };
}

/** Encrypts to the newest key of an account, expired or not: this is his own mailbox at rest. */
async function wrapFor(parts: Parts, account: Account, data: Uint8Array): Promise<Uint8Array> {
  const [newest] = await listPublished(parts.store, account.address);
  const parsed = newest === undefined ? undefined : await parseCertificates(newest.bytes);
  if (parsed?.kind !== "parsed") {
    throw new AppError("the account has no key to protect its mailbox with", { temporary: true });
  }
  return encryptAtRest({ data, recipients: parsed.certificates, now: parts.clock.now() });
}

/**
 * What happens after the 250 to sealed mail: the author's keyserver is asked, and where the provider may use the key the
 * message is opened. One account at a time, so that no message is opened twice at once.
 */
class Opening {
  readonly #parts: Parts;
  readonly #running = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** After one arrival; without a message, for all that waits. */
  begin(account: EmailAddress, message?: ArrivedMessage): void {
    const key = canonicalAddress(account);
    const earlier = this.#running.get(key) ?? Promise.resolve();
    const next = earlier.then(async () => this.#open(account, message));
    this.#running.set(key, next);
    void next.then(() => {
      if (this.#running.get(key) === next) this.#running.delete(key);
    });
  }

  /** What a crash left unopened, and whose author could not be asked about. */
  async askAgain(): Promise<void> {
    for (const account of await waitingAccounts(this.#parts.store)) this.begin(account);
  }

  /** What has not begun waits for the next start. */
  async finish(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running.values());
  }

  /** Never rejects: what could not be opened stays pending. */
  async #open(account: EmailAddress, message: ArrivedMessage | undefined): Promise<void> {
    const parts = this.#parts;
    if (this.#isStopped) return;
    try {
      const waiting = message === undefined ? await this.#allWaiting(account) : [message];
      for (const one of waiting) await this.#lookForAuthor(account, one);
      using keys = await unlockWithService(parts, account);
      if (keys === undefined) return;
      const deps = { ...parts, findFormer: parts.findFormerOnline };
      await openPending(deps, account, keys);
    } catch (error) {
      parts.events.failed("opening", error);
    }
  }

  async #allWaiting(account: EmailAddress): Promise<readonly ArrivedMessage[]> {
    const waiting = await listWaiting(this.#parts.store, account);
    return waiting.map(({ id, outerFrom, verdict }) => ({
      id,
      author: parseAddress(outerFrom),
      verdict,
    }));
  }

  async #lookForAuthor(account: EmailAddress, message: ArrivedMessage): Promise<void> {
    const { id, author, verdict } = message;
    if (author === undefined || this.#isStopped) return;
    const discovery = await this.#parts.discover(author, { isForIncoming: true });
    if (discovery.kind !== "absent") return;
    const known = withAbsence(verdict, author, discovery);
    await recordWaiting(this.#parts.store, account, id, known);
  }
}
