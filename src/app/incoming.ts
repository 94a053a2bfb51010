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
import type { TraceIncoming } from "../incoming/tracing.ts";
import { hasNamedEvidence, namedEvidence } from "../incoming/waiting.ts";
import { openArrived, openPending, type PendingDeps } from "../incoming/pending.ts";
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { readBinding } from "../keys/binding.ts";
import { Overtaken } from "../keys/overtaken.ts";
import { unlockWithService } from "../keys/vault.ts";
import {
  canonicalAddress,
  parseAddress,
  type CanonicalAddress,
  type EmailAddress,
} from "../mail/address.ts";
import { listWaiting, recordWaiting, roomFor, waitingAccounts } from "../mailbox/embedded.ts";
import type { Sender } from "../outgoing/submit.ts";
import type { Handlers } from "../smtp/handlers.ts";
import { bodyFor, wrapFor } from "./at-rest.ts";
import type { Drain, LoggedIn } from "./outgoing.ts";
import type { Parts } from "./parts.ts";
import { SecondLooks } from "./second-look.ts";
import type { Transactions } from "./transactions.ts";
import type { Task } from "./schedule.ts";

/** What the MX and LMTP listeners call; disposing waits for what is being opened. */
export type WayIn = AsyncDisposable & {
  readonly handlers: Handlers<Sender>;
  readonly tasks: readonly Task[];
  readonly drain: Drain;
};

/** How often it is looked whose author may be asked again. */
const SECOND_LOOKS_EVERY_MS = 30 * SECOND;

export function wayIn(parts: Parts, transactions: Transactions): WayIn {
  const { store, config } = parts;
  const opening = new Opening(parts);
  const deps: DeliverDeps = {
    store,
    clock: parts.clock,
    hostname: config.hostname,
    isOurs: (address) => isServed(config, address),
    findAccount: async (address) => readerOf(store, config, address),
    hasRoom: async (account, sizeBytes) =>
      (await roomFor(store, account.address, parts.config.limits, sizeBytes)) === "room",
    wrapFor: async (account, data) => wrapFor(parts, account, data),
    bodyFor: async (account, message) => bodyFor(parts, account, message),
    arrived: (account, message) => {
      opening.begin(account.address, message);
    },
    trace: parts.trace,
    failed: (error) => {
      parts.events.failed("delivery", error);
    },
    messageWork: parts.messageWork,
    isReader: parts.isReader,
    ...parts.online,
  };
  return {
    handlers: {
      rcpt: async (_client, { sizeBytes }, recipient) => answerReader(deps, recipient, sizeBytes),
      data: async ({ protocol, name, address, transaction }, envelope, message) => {
        const client = `${name} ([${address}])`;
        const trace = notingTrace(deps.trace, transactions, transaction);
        const arrival = { envelope, message, received: { protocol, client } };
        return deliver({ ...deps, trace }, arrival);
      },
    },
    tasks: [
      { name: "open what waits", everyMs: HOUR, run: async () => opening.askAgain() },
      {
        name: "ask about authors again",
        everyMs: SECOND_LOOKS_EVERY_MS,
        run: async () => opening.askDue(),
      },
    ],
    drain: (login) => {
      opening.drain(login);
    },
    [Symbol.asyncDispose]: () => opening.finish(),
  };
}

/** What became of a message stands in the line of its transaction; of several readers' verdicts the last. */
function notingTrace(
  trace: TraceIncoming,
  transactions: Transactions,
  name: string,
): TraceIncoming {
  return {
    ...trace,
    delivered: async (o) => {
      await trace.delivered(o);
      const { messageId, verdict } = o.message;
      transactions.note(name, { messageId, state: verdict.state });
    },
  };
}

/** How long after a failure what waits is tried again; twice as long each time. */
const FIRST_AGAIN_MS = 5 * SECOND;
/** Authors that are asked about at a time, of one account. */
const ASKED_AT_ONCE = 32;

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
  readonly #looks = new SecondLooks();
  /** Accounts whose authors are being asked about. */
  readonly #asking = new Set<CanonicalAddress>();
  /** Accounts that a login is opening mail for. */
  readonly #draining = new Set<CanonicalAddress>();
  #isStopped = false;
  #again: NodeJS.Timeout | undefined;
  #againMs = FIRST_AGAIN_MS;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** After an arrival. */
  begin(account: EmailAddress, message: ArrivedMessage): void {
    this.#run(async () => {
      const waiting = { ...message, isArrival: true };
      await this.#lookForAuthor(account, { ...waiting, isNamed: false });
      const work = (deps: PendingDeps, keys: UnlockedKeys) =>
        openArrived(deps, account, keys, message.id);
      const verdict = await this.#open(account, work);
      if (verdict?.check !== "later") return;
      // Opened, it names a key that its domain serves no longer: what became of that is asked now.
      await this.#lookForAuthor(account, { ...waiting, isNamed: true });
      await this.#open(account, work);
    });
  }

  /** What a crash left unopened, and whose author could not be asked about. */
  async askAgain(): Promise<void> {
    for (const account of await waitingAccounts(this.#parts.store)) {
      this.#run(async () => this.#askFor(account, () => true));
    }
  }

  /** As `askAgain`, about the authors whose turn it is. */
  async askDue(): Promise<void> {
    const due = this.#looks.takeDue();
    if (due.size === 0) return;
    for (const account of await waitingAccounts(this.#parts.store)) {
      const authors = due.get(canonicalAddress(account));
      if (authors === undefined) continue;
      this.#run(async () =>
        this.#askFor(account, (author) => authors.has(canonicalAddress(author))),
      );
    }
  }

  /** Opens what waits for an account with the keys of a login, without asking anybody: no keyserver learns of a login. */
  drain({ account: { address, custody }, keys, generation }: LoggedIn): void {
    const account = canonicalAddress(address);
    // What the provider may open is opened as it comes.
    if (custody === "provider-usable" || this.#draining.has(account) || this.#isStopped) return;
    this.#draining.add(account);
    const own = keys.clone();
    this.#run(async () => {
      using _own = own;
      try {
        await this.#gate.pass(account, undefined, async () => {
          if (!this.#isStopped) {
            await openPending(await this.#depsFor(address, generation), address, own);
          }
        });
      } finally {
        this.#draining.delete(account);
      }
    });
  }

  async #askFor(account: EmailAddress, isMeant: (author: EmailAddress) => boolean): Promise<void> {
    const key = canonicalAddress(account);
    // A round that still runs will do: slow keyservers must not make rounds pile up.
    if (this.#asking.has(key)) return;
    this.#asking.add(key);
    try {
      const openAll = async () =>
        this.#open(account, (deps, keys) => openPending(deps, account, keys));
      // What needs no answer waits for none.
      await openAll();
      const asked = (await listWaiting(this.#parts.store, account)).flatMap((waiting) => {
        const author = parseAddress(waiting.outerFrom);
        const isNamed = hasNamedEvidence(waiting.verdict);
        return author === undefined || !isMeant(author)
          ? []
          : [{ ...waiting, author, isNamed, isArrival: false }];
      });
      while (asked.length > 0) {
        const some = asked.splice(0, ASKED_AT_ONCE);
        await Promise.all(some.map(async (one) => this.#lookForAuthor(account, one)));
      }
      await openAll();
    } finally {
      this.#asking.delete(key);
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
      const deps = await this.#depsFor(account);
      using keys = await unlockWithService(this.#parts, account);
      // Nobody is asked in here: others wait for this place.
      return keys === undefined ? undefined : await work(deps, keys);
    });
  }

  /** `generation`: that of the login whose keys open; without one the current one. */
  async #depsFor(account: EmailAddress, generation?: number): Promise<PendingDeps> {
    const { store } = this.#parts;
    const before = generation ?? (await readBinding(store, account))?.generation;
    const open: Parts["open"] = async (request) => {
      // A reset, or custody taken back, ends this here too, whichever process it happens in.
      const now = await readBinding(store, account);
      if (now === undefined || now.generation !== before) throw new Overtaken();
      return this.#parts.open(request);
    };
    return { ...this.#parts, open };
  }

  /** What the author's domain serves at the arrival is kept with the message. */
  async #lookForAuthor(account: EmailAddress, message: Waiting): Promise<void> {
    const { id, author, receivedAt, isNamed } = message;
    if (author === undefined || this.#isStopped) return;
    const answer = await this.#parts.lookForAuthor(author, receivedAt);
    if (answer.kind === "unreachable") this.#looks.failed(account, author, message.isArrival);
    else this.#looks.answered(account, author);
    const named = isNamed ? undefined : namedEvidence(author, answer);
    if (named !== undefined) await recordWaiting(this.#parts.store, account, id, named);
  }
}

/** `isNamed`: it is known which keys its author had when the message came. */
type Waiting = ArrivedMessage & { readonly isNamed: boolean; readonly isArrival: boolean };
