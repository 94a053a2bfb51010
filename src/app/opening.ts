/** What happens to sealed mail after the 250: its author is asked about, and it is opened where the keys are there. */
import { availableParallelism } from "node:os";

import { Gate } from "../base/gate.ts";
import { failuresOf } from "../base/settled.ts";
import type { Discoverer } from "../discovery/discovery.ts";
import type { ArrivedMessage } from "../incoming/arrival.ts";
import {
  openArrived,
  openNext,
  OpeningRound,
  waitingFor,
  type PendingDeps,
} from "../incoming/pending.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { servedKeys } from "../incoming/waiting.ts";
import { canonicalAddress, parseAddress, type EmailAddress } from "../mail/address.ts";
import { recordWaiting, waitingAccounts } from "../spool/spool.ts";
import { walkWaiting } from "../spool/waiting-list.ts";
import { isFinal } from "../store/mail/verdict.ts";
import { Conflict } from "../vault/conflict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { boundTo } from "./bound-opening.ts";
import type { CatchingUp } from "./catching-up.ts";
import type { Events } from "./events.ts";
import { LaterTry } from "./later-try.ts";
import { LoginDrains } from "./login-drains.ts";
import { SecondLooks } from "./second-look.ts";
import type { LoggedIn } from "./sender.ts";

/** Authors that are asked about at a time, of one account. */
const ASKED_AT_ONCE = 32;

export type OpeningDeps = {
  readonly pending: PendingDeps;
  readonly unlockWithService: ReadingDeps["unlockWithService"];
  readonly lookForAuthor: Discoverer["lookForAuthor"];
  readonly events: Pick<Events, "failed">;
  /** Told of accounts whose mailboxes are to be prepared, or given their keys. */
  readonly catchingUp?: Pick<CatchingUp, "begin" | "note">;
};

/**
 * What happens after the 250 to sealed mail: the author's keyserver is asked, and where the provider may use the key the
 * message is opened. One message of an account is opened at a time, so that none is opened twice at once. No more are open at a
 * time than there are processors, so that waiting mail does not fill the memory. Accounts take turns, a message each.
 */
export class Opening {
  readonly #deps: OpeningDeps;
  readonly #running = new Set<Promise<void>>();
  readonly #gate: Gate;
  readonly #looks = new SecondLooks();
  /** Accounts whose authors are being asked about. */
  readonly #asking = new Set<AccountId>();
  readonly #drains: LoginDrains;
  readonly #later: LaterTry;
  #isStopped = false;

  /** `atOnce`: messages that are opened at a time. */
  constructor(deps: OpeningDeps, atOnce = availableParallelism()) {
    this.#deps = deps;
    this.#drains = new LoginDrains({
      open: async (account, { keys, generation }) => {
        const bound = await boundTo(deps.pending, account, generation);
        let isTheirs = true;
        try {
          await this.#openAll(account, async (work) =>
            this.#gate.pass(account, undefined, async () => work(bound, keys)),
          );
        } catch (error) {
          isTheirs = !(error instanceof Conflict);
          throw error;
        } finally {
          // What fails keeps no mailbox from being prepared, unless the keys are no longer those of the account.
          if (isTheirs) deps.catchingUp?.begin(account, { keys: keys.clone(), generation });
        }
      },
      run: (work) => {
        this.#run(work);
      },
    });
    this.#later = new LaterTry(() => {
      this.#run(async () => this.#tryAgain());
    });
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
      this.#deps.catchingUp?.note(account);
      if (verdict === undefined || isFinal(verdict)) return;
      // Opened, it names a key that its domain serves no longer: what became of that is asked now.
      await this.#lookForAuthor(account, { ...waiting, isNamed: true });
      await this.#open(account, work);
    });
  }

  /** As `askAgain`, when a process starts, and soon again if it fails. */
  resume(): void {
    this.#run(async () => this.askAgain());
  }

  /** What a crash left unopened, and whose author could not be asked about. */
  async askAgain(): Promise<void> {
    for (const account of await waitingAccounts(this.#deps.pending.store)) {
      this.#run(async () => this.#askFor(account, () => true));
    }
  }

  /** As `askAgain`, about the authors whose turn it is. */
  async askDue(): Promise<void> {
    const due = this.#looks.takeDue();
    if (due.size === 0) return;
    for (const account of await waitingAccounts(this.#deps.pending.store)) {
      const authors = due.get(account);
      if (authors === undefined) continue;
      this.#run(async () =>
        this.#askFor(account, (author) => authors.has(canonicalAddress(author))),
      );
    }
  }

  /** Opens what waits for an account with the keys of a login, without asking anybody: no keyserver learns of a login. */
  drain(login: LoggedIn): void {
    // What the provider may open is opened as it comes; after the first login of a provisional account they may not.
    if (login.account.custody !== "provider-usable") this.#drains.begin(login);
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
      const some: Waiting[] = [];
      const ask = async (): Promise<void> => {
        const looks = some.splice(0).map(async (one) => this.#lookForAuthor(account, one));
        errors.push(...(await failuresOf(looks)));
      };
      for await (const waiting of walkWaiting(this.#deps.pending.store, account)) {
        const author = parseAddress(waiting.outerFrom);
        if (author === undefined || !isMeant(author)) continue;
        const { id, receivedAt } = waiting;
        const isNamed = waiting.verdict.served !== undefined;
        some.push({ id, receivedAt, author, isNamed, isArrival: false });
        if (some.length === ASKED_AT_ONCE) await ask();
      }
      await ask();
      await openAll();
      if (errors.length > 0) throw new AggregateError(errors, "some mail could not be worked on");
    } finally {
      this.#asking.delete(account);
    }
  }

  /** What has not begun waits for the next start. */
  async finish(): Promise<void> {
    this.#isStopped = true;
    this.#drains.stop();
    this.#later[Symbol.dispose]();
    await Promise.all(this.#running);
  }

  /** What fails here leaves its mail pending, and is tried again soon: the database may just have been restarted. */
  #run(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        this.#deps.events.failed("opening", error);
        this.#later.failed();
      })
      .finally(() => {
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  async #tryAgain(): Promise<void> {
    const rounds = (await waitingAccounts(this.#deps.pending.store)).map(async (account) =>
      this.#askFor(account, () => true),
    );
    const failed = await failuresOf(rounds);
    if (failed.length > 0) throw new AggregateError(failed, "mail still waits");
    this.#later.succeeded();
  }

  /** Opens what waits for an account, one message in each turn. */
  async #openAll(account: AccountId, takeTurn: TakeTurn): Promise<void> {
    const line = waitingFor(this.#deps.pending, account);
    const round = new OpeningRound();
    // Without keys there is no turn: custody may have been taken back since the last one.
    for (let hasMore = true; hasMore && !this.#isStopped;) {
      const turn = { hasMore: false };
      await takeTurn(async (deps, keys) => {
        if (this.#isStopped) return;
        turn.hasMore = await round.attempt(async () => openNext(deps, account, keys, line));
      });
      ({ hasMore } = turn);
    }
    round.end();
  }

  async #open<Value>(
    account: AccountId,
    work: (deps: PendingDeps, keys: UnlockedKeys) => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#gate.pass(account, undefined, async () => {
      if (this.#isStopped) return undefined;
      using keys = await this.#deps.unlockWithService(account);
      if (keys === undefined) return undefined;
      const deps = await boundTo(this.#deps.pending, account, keys.generation);
      // Nobody is asked in here: others wait for this place.
      return await work(deps, keys);
    });
  }

  /** What the author's domain serves at the arrival is kept with the message. */
  async #lookForAuthor(account: AccountId, message: Waiting): Promise<void> {
    const { id, author, receivedAt, isNamed } = message;
    if (author === undefined || this.#isStopped) return;
    const answer = await this.#deps.lookForAuthor(author, receivedAt);
    if (answer.kind === "unreachable") this.#looks.failed(account, author, message.isArrival);
    else this.#looks.answered(account, author);
    const named = isNamed ? undefined : servedKeys(author, answer);
    if (named !== undefined) await recordWaiting(this.#deps.pending.store, account, id, named);
  }
}

/** `isNamed`: it is known which keys its author had when the message came. */
type Waiting = ArrivedMessage & { readonly isNamed: boolean; readonly isArrival: boolean };
type TakeTurn = (
  work: (deps: PendingDeps, keys: UnlockedKeys) => Promise<void>,
) => Promise<unknown>;
