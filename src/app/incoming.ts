/** Wires delivery: MX and LMTP answer through `incoming/deliver`; sealed mail of `provider-usable` accounts opens after. */
import { availableParallelism } from "node:os";
import { isServed, readerOf } from "../accounts/postmaster.ts";
import { HOUR, SECOND } from "../base/time.ts";
import { Gate } from "../base/gate.ts";
import {
  answerReader,
  deliver,
  type ArrivedMessage,
  type DeliverDeps,
} from "../incoming/deliver.ts";
import { hasNamedEvidence, namedEvidence } from "../incoming/waiting.ts";
import { openArrived, openPending, type PendingDeps } from "../incoming/pending.ts";
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { readBinding } from "../keys/binding.ts";
import { Overtaken } from "../keys/overtaken.ts";
import { unlockWithService } from "../keys/vault.ts";
import { canonicalAddress, parseAddress, type EmailAddress } from "../mail/address.ts";
import { listWaiting, recordWaiting, roomFor, waitingAccounts } from "../mailbox/embedded.ts";
import type { Sender } from "../outgoing/submit.ts";
import type { Handlers } from "../smtp/handlers.ts";
import { isAccepted } from "../smtp/reply.ts";
import { wrapFor } from "./at-rest.ts";
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
    isOurs: (address) => isServed(config, address),
    findAccount: async (address) => readerOf(store, config, address),
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
    examine: parts.examine,
    isReader: parts.isReader,
    ...parts.online,
  };
  return {
    handlers: {
      rcpt: async (_client, { sizeBytes }, recipient) => answerReader(deps, recipient, sizeBytes),
      data: async ({ protocol, name, address }, envelope, message) => {
        const client = `${name} ([${address}])`;
        const replies = await deliver(deps, { envelope, message, received: { protocol, client } });
        const [first] = config.domains;
        const recipients = replies.filter(isAccepted).length;
        if (recipients > 0)
          parts.events.delivered({ domain: first ?? config.hostname, recipients });
        return replies;
      },
    },
    task: { name: "open what waits", everyMs: HOUR, run: async () => opening.askAgain() },
    [Symbol.asyncDispose]: () => opening.finish(),
  };
}

/** How long after a failure what waits is tried again; twice as long each time. */
const FIRST_AGAIN_MS = 5 * SECOND;

/**
 * What happens after the 250 to sealed mail: the author's keyserver is asked, and where the provider may use the key the
 * message is opened. One message of an account at a time, so that none is opened twice at once, and no more accounts at a
 * time than there are processors, so that waiting mail does not fill the memory. Accounts take turns.
 */
class Opening {
  readonly #parts: Parts;
  readonly #running = new Set<Promise<void>>();
  readonly #gate = new Gate({
    inAll: availableParallelism(),
    forKey: 1,
    waiting: Number.POSITIVE_INFINITY,
  });
  #isStopped = false;
  #again: NodeJS.Timeout | undefined;
  #againMs = FIRST_AGAIN_MS;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** After an arrival. */
  begin(account: EmailAddress, message: ArrivedMessage): void {
    this.#run(async () => {
      await this.#lookForAuthor(account, { ...message, isNamed: false });
      const work = (deps: PendingDeps, keys: UnlockedKeys) =>
        openArrived(deps, account, keys, message.id);
      const verdict = await this.#open(account, work);
      if (verdict?.check !== "later") return;
      // Opened, it names a key that its domain serves no longer: what became of that is asked now.
      await this.#lookForAuthor(account, { ...message, isNamed: true });
      await this.#open(account, work);
    });
  }

  /** What a crash left unopened, and whose author could not be asked about. */
  async askAgain(): Promise<void> {
    for (const account of await waitingAccounts(this.#parts.store)) {
      this.#run(async () => {
        for (const waiting of await listWaiting(this.#parts.store, account)) {
          const author = parseAddress(waiting.outerFrom);
          const isNamed = hasNamedEvidence(waiting.verdict);
          await this.#lookForAuthor(account, { ...waiting, author, isNamed });
        }
        await this.#open(account, (deps, keys) => openPending(deps, account, keys));
      });
    }
  }

  /** What has not begun waits for the next start. */
  async finish(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#again);
    await Promise.all(this.#running);
  }

  /** What fails here leaves its mail pending, and is tried again soon: the database may just have been restarted. */
  #run(work: () => Promise<void>): void {
    const running = work()
      .then(() => {
        this.#againMs = FIRST_AGAIN_MS;
      })
      .catch((error: unknown) => {
        this.#parts.events.failed("opening", error);
        this.#tryAgain();
      })
      .finally(() => {
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  #tryAgain(): void {
    if (this.#isStopped || this.#again !== undefined) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.#run(async () => this.askAgain());
    }, this.#againMs).unref();
    this.#againMs = Math.min(2 * this.#againMs, HOUR);
  }

  async #open<Value>(
    account: EmailAddress,
    work: (deps: PendingDeps, keys: UnlockedKeys) => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#gate.pass(canonicalAddress(account), undefined, async () => {
      if (this.#isStopped) return undefined;
      const { store } = this.#parts;
      const before = await readBinding(store, account);
      using keys = await unlockWithService(this.#parts, account);
      const open: Parts["open"] = async (request) => {
        // A reset, or custody taken back, ends this here too, whichever process it happens in.
        const now = await readBinding(store, account);
        if (now === undefined || now.generation !== before?.generation) throw new Overtaken();
        return this.#parts.open(request);
      };
      // Nobody is asked in here: others wait for this place.
      return keys === undefined ? undefined : await work({ ...this.#parts, open }, keys);
    });
  }

  /** What the author's domain serves at the arrival is kept with the message. */
  async #lookForAuthor(account: EmailAddress, message: Waiting): Promise<void> {
    const { id, author, receivedAt, isNamed } = message;
    if (author === undefined || this.#isStopped) return;
    const answer = await this.#parts.lookForAuthor(author, receivedAt);
    const named = isNamed ? undefined : namedEvidence(author, answer);
    if (named !== undefined) await recordWaiting(this.#parts.store, account, id, named);
  }
}

/** `isNamed`: it is known which keys its author had when the message came. */
type Waiting = ArrivedMessage & { readonly isNamed: boolean };
