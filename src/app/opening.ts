/** What happens to sealed mail after the 250: its author is asked about, and it is opened where the keys are there. */
import { availableParallelism } from "node:os";
import { Gate } from "../base/gate.ts";
import { HOUR, SECOND } from "../base/time.ts";
import type { ArrivedMessage } from "../incoming/arrival.ts";
import {
  openArrived,
  openNext,
  OpeningRound,
  waitingFor,
  type PendingDeps,
  type Waits,
} from "../incoming/pending.ts";
import { hasNamedEvidence, namedEvidence } from "../incoming/waiting.ts";
import { readBinding } from "../vault/binding.ts";
import { Overtaken } from "../vault/conflict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { unlockWithService } from "../vault/vault.ts";
import { canonicalAddress, parseAddress, type EmailAddress } from "../mail/address.ts";
import { listWaiting, recordWaiting, waitingAccounts } from "../mailbox/embedded.ts";
import type { LoggedIn } from "./outgoing.ts";
import type { Parts } from "./parts.ts";
import { SecondLooks } from "./second-look.ts";
import type { AccountId } from "../words/account.ts";

/** How long after a failure what waits is tried again; twice as long each time. */
const FIRST_AGAIN_MS = 5 * SECOND;
/** Authors that are asked about at a time, of one account. */
const ASKED_AT_ONCE = 32;

/**
 * What happens after the 250 to sealed mail: the author's keyserver is asked, and where the provider may use the key the
 * message is opened. One message of an account at a time, so that none is opened twice at once, and no more at a time than
 * there are processors, so that waiting mail does not fill the memory. Accounts take turns, a message each.
 */
export class Opening {
  readonly #parts: Parts;
  readonly #running = new Set<Promise<void>>();
  readonly #gate: Gate;
  readonly #looks = new SecondLooks();
  /** Accounts whose authors are being asked about. */
  readonly #asking = new Set<AccountId>();
  /** Accounts that a login is opening mail for. */
  readonly #draining = new Set<AccountId>();
  /** Logins that came while mail was being opened for an account, the last one of each. */
  readonly #nextDrains = new Map<AccountId, LoggedIn>();
  #isStopped = false;
  #again: NodeJS.Timeout | undefined;
  #againMs = FIRST_AGAIN_MS;

  /** `atOnce`: messages that are opened at a time. */
  constructor(parts: Parts, atOnce = availableParallelism()) {
    this.#parts = parts;
    this.#gate = new Gate({ inAll: atOnce, forKey: 1, waiting: Number.POSITIVE_INFINITY });
  }

  /** After an arrival. */
  begin(account: AccountId, message: ArrivedMessage): void {
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
      const authors = due.get(account);
      if (authors === undefined) continue;
      this.#run(async () =>
        this.#askFor(account, (author) => authors.has(canonicalAddress(author))),
      );
    }
  }

  /** Opens what waits for an account with the keys of a login, without asking anybody: no keyserver learns of a login. */
  drain(login: LoggedIn): void {
    const { account, keys, generation } = login;
    // What the provider may open is opened as it comes.
    if (account.custody === "provider-usable" || this.#isStopped) return;
    if (this.#draining.has(account.id)) this.#drainNext(login);
    else this.#drainNow(account.id, keys.clone(), generation);
  }

  /** What came since the running round began is opened after it, with the keys of the last login. */
  #drainNext(login: LoggedIn): void {
    const { id } = login.account;
    this.#nextDrains.get(id)?.keys[Symbol.dispose]();
    this.#nextDrains.set(id, { ...login, keys: login.keys.clone() });
  }

  /** Takes the keys over. */
  #drainNow(account: AccountId, own: UnlockedKeys, generation: number): void {
    this.#draining.add(account);
    this.#run(async () => {
      using _own = own;
      try {
        const deps = await this.#depsFor(account, generation);
        await this.#openAll(account, async (work) =>
          this.#gate.pass(account, undefined, async () => work(deps, own)),
        );
      } finally {
        this.#draining.delete(account);
        const next = this.#nextDrains.get(account);
        this.#nextDrains.delete(account);
        if (next !== undefined && !this.#isStopped) {
          this.#drainNow(account, next.keys, next.generation);
        } else next?.keys[Symbol.dispose]();
      }
    });
  }

  async #askFor(account: AccountId, isMeant: (author: EmailAddress) => boolean): Promise<void> {
    // A round that still runs will do: slow keyservers must not make rounds pile up.
    if (this.#asking.has(account)) return;
    this.#asking.add(account);
    try {
      // What keeps one message or one author from being worked on keeps no other mail waiting.
      const errors: unknown[] = [];
      const openAll = async () =>
        this.#openAll(account, async (work) => this.#open(account, work)).catch((error: unknown) =>
          errors.push(error),
        );
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
        const looks = some.map(async (one) => this.#lookForAuthor(account, one));
        errors.push(...(await failuresOf(looks)));
      }
      await openAll();
      if (errors.length > 0) throw new AggregateError(errors, "some mail could not be worked on");
    } finally {
      this.#asking.delete(account);
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
      this.#run(async () => {
        const rounds = (await waitingAccounts(this.#parts.store)).map(async (account) =>
          this.#askFor(account, () => true),
        );
        const failed = await failuresOf(rounds);
        if (failed.length > 0) throw new AggregateError(failed, "mail still waits");
        this.#againMs = FIRST_AGAIN_MS;
      });
    }, this.#againMs).unref();
    this.#againMs = Math.min(2 * this.#againMs, HOUR);
  }

  /** Opens what waits for an account, one message in each turn. */
  async #openAll(account: AccountId, takeTurn: TakeTurn): Promise<void> {
    let waits: Waits[] | undefined;
    const round = new OpeningRound();
    do {
      const turn = { was: false };
      await takeTurn(async (deps, keys) => {
        turn.was = true;
        if (this.#isStopped) return;
        const left = (waits ??= await waitingFor(deps, account));
        await round.attempt(async () => openNext(deps, account, keys, left));
      });
      // Without keys there is no turn: custody may have been taken back since the last one.
      if (!turn.was) break;
    } while (waits !== undefined && waits.length > 0 && !this.#isStopped);
    round.end();
  }

  async #open<Value>(
    account: AccountId,
    work: (deps: PendingDeps, keys: UnlockedKeys) => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#gate.pass(account, undefined, async () => {
      if (this.#isStopped) return undefined;
      const deps = await this.#depsFor(account);
      using keys = await unlockWithService(this.#parts, account);
      // Nobody is asked in here: others wait for this place.
      return keys === undefined ? undefined : await work(deps, keys);
    });
  }

  /** `generation`: that of the login whose keys open; without one the current one. */
  async #depsFor(account: AccountId, generation?: number): Promise<PendingDeps> {
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
  async #lookForAuthor(account: AccountId, message: Waiting): Promise<void> {
    const { id, author, receivedAt, isNamed } = message;
    if (author === undefined || this.#isStopped) return;
    const answer = await this.#parts.lookForAuthor(author, receivedAt);
    if (answer.kind === "unreachable") this.#looks.failed(account, author, message.isArrival);
    else this.#looks.answered(account, author);
    const named = isNamed ? undefined : namedEvidence(author, answer);
    if (named !== undefined) await recordWaiting(this.#parts.store, account, id, named);
  }
}

/** What became of all of them: the reasons of those that failed. */
async function failuresOf(all: readonly Promise<void>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(all);
  return settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
}

/** `isNamed`: it is known which keys its author had when the message came. */
type Waiting = ArrivedMessage & { readonly isNamed: boolean; readonly isArrival: boolean };
type TakeTurn = (
  work: (deps: PendingDeps, keys: UnlockedKeys) => Promise<void>,
) => Promise<unknown>;
