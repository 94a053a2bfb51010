/**
 * What is logged, counted and traced of each SMTP and LMTP transaction: one line for each message, and one for each login,
 * sender and recipient that was refused. No address of mail, no subject and no secret is in it.
 */
import { randomBytes } from "node:crypto";

import { networkOf, plainAddress } from "../base/network.ts";
import type { Config } from "../config/config.ts";
import type { Answered, Client, Handlers, ListenerMode } from "../smtp/listener/handlers.ts";
import { reasonOf } from "../smtp/reason.ts";
import { isAccepted, oneReply } from "../smtp/smtp.ts";
import type { Events } from "./events.ts";
import type { Meter } from "./meter.ts";
import type { SubmissionLogin } from "./sender.ts";
import type { TraceWriter } from "./trace-writer.ts";

/** What the flow found out about a message, for the line of its transaction. */
export type TransactionNote = {
  readonly messageId?: string | undefined;
  /** Of a submitted message: what was decided. */
  readonly plan?: string;
  /** Of a received one: the state of the verdict, so far. */
  readonly state?: string;
};

const NAME_BYTES = 6;

type Deps = {
  /** How the addresses of clients are logged, by the configuration as it is now. */
  readonly clientAddress: () => Config["log"]["clientAddress"];
  readonly events: Pick<Events, "loginFailed" | "refused" | "transaction">;
  readonly traces: Pick<TraceWriter, "transaction">;
  readonly meter: Pick<Meter, "answered">;
};

/** The transactions that are under way in this process. */
export class Transactions {
  readonly #deps: Deps;
  readonly #notes = new Map<string, TransactionNote>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Adds to what is known of the transaction with this name. */
  note(name: string, more: TransactionNote): void {
    if (name !== "") this.#notes.set(name, { ...this.#notes.get(name), ...more });
  }

  /** A listener's handlers, with what is logged of them. */
  of(listener: ListenerMode): Pick<Handlers<SubmissionLogin>, "nameTransaction" | "answered"> {
    return {
      nameTransaction: () => randomBytes(NAME_BYTES).toString("hex"),
      answered: (client, answered) => {
        this.#answered(listener, client, answered);
      },
    };
  }

  #answered(listener: ListenerMode, client: Client<SubmissionLogin>, answered: Answered): void {
    const { step, transaction, replies, recipients } = answered;
    const reply = oneReply(replies);
    const reason = reasonOf(step, reply);
    const { code, enhanced: status } = reply;
    const from = { listener, ...this.#clientOf(client) };
    const { events, meter } = this.#deps;
    meter.answered(listener, step, reason);
    if (step === "auth") {
      const isGuess = reason === "wrong-password" || reason === "throttled";
      if (isGuess) events.loginFailed({ ...from, code, status, reason });
      else events.refused({ step, ...from, code, status, reason });
      return;
    }
    if (step !== "data") {
      events.refused({ id: transaction, step, ...from, code, status, reason });
      // Strangers at the other ports could fill the database with what they try.
      if (client.login !== undefined) this.#trace(listener, answered, { code, status, reason }, {});
      return;
    }
    const { messageId, ...note } = this.#notes.get(transaction) ?? {};
    this.#notes.delete(transaction);
    const accepted = replies.length > 1 ? replies.filter(isAccepted).length : undefined;
    const outcome = { code, status, reason, ...(accepted === undefined ? {} : { accepted }) };
    events.transaction({
      id: transaction,
      ...from,
      ...(client.login === undefined ? {} : { domain: client.login.address.domain }),
      ...outcome,
      recipients,
      sizeBytes: answered.sizeBytes,
      tookMs: answered.tookMs,
      ...note,
    });
    this.#trace(listener, answered, { ...outcome, recipients }, { messageId });
  }

  #trace(
    listener: ListenerMode,
    { step, transaction }: Answered,
    detail: Readonly<Record<string, string | number>>,
    { messageId = "" }: TransactionNote,
  ): void {
    if (transaction === "") return;
    const direction = listener.startsWith("submission") ? "out" : "in";
    const write = this.#deps.traces.transaction(direction);
    write(messageId, transaction, { transaction, listener, command: step, ...detail });
  }

  #clientOf({ address, network }: Client<SubmissionLogin>): { readonly client?: string } {
    switch (this.#deps.clientAddress()) {
      case "full":
        return { client: plainAddress(address) };
      case "network":
        return { client: network === "" ? networkOf(address) : network };
      case "none":
        return {};
    }
  }
}
