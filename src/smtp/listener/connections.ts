/** The open connections of a listener, and the steps that run on them. */
import type { SMTPServerSession } from "smtp-server";

import { networkOf } from "../../base/network.ts";
import { errorReply, Refusal } from "../smtp.ts";
import { newConnection, type Connection } from "./connection.ts";

export type Callback<Value = unknown> = (error?: Error | null, value?: Value) => void;

export class Connections {
  readonly #connections = new Map<string, Connection>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #failed: (error: unknown) => void;
  #wentIdle: ((id: string) => void) | undefined;

  /** `failed` is told of errors that are no refusals: the client hears of them only that there was one. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** `late` runs unless the client gives its first AUTH or MAIL in time. */
  open(session: SMTPServerSession, firstCommandMs: number, late: () => void): void {
    const timer = setTimeout(late, firstCommandMs).unref();
    this.#connections.set(session.id, newConnection(networkOf(session.remoteAddress), timer));
  }

  /** From now on told of each connection whose step was answered and that waits for its client. */
  whenIdle(wentIdle: (id: string) => void): void {
    this.#wentIdle = wentIdle;
  }

  isOpen({ id }: SMTPServerSession): boolean {
    return this.#connections.has(id);
  }

  isBusy(id: string): boolean {
    return (this.#connections.get(id)?.running ?? 0) > 0;
  }

  /** @throws Refusal when the client went away. */
  of({ id }: SMTPServerSession): Connection {
    const connection = this.#connections.get(id);
    if (connection === undefined) throw new Refusal(421, "4.3.2 the connection has ended");
    return connection;
  }

  /** Forgets the connection; `ended` is called once nothing runs on it. */
  close({ id }: SMTPServerSession, ended: () => void): void {
    const connection = this.#connections.get(id);
    clearTimeout(connection?.firstCommand);
    connection?.left.abort();
    this.#connections.delete(id);
    if (connection !== undefined && connection.running > 0) connection.whenIdle = ended;
    else ended();
  }

  /** Runs one step and gives its outcome to smtp-server: a value, or a refusal as an error with its code. */
  answer<Value>(
    { id }: SMTPServerSession,
    callback: Callback<Value>,
    step: () => Promise<Value>,
  ): void {
    const work = this.#run(this.#connections.get(id), callback, step).finally(() => {
      this.#running.delete(work);
      if (!this.isBusy(id)) this.#wentIdle?.(id);
    });
    this.#running.add(work);
  }

  /** Waits for the steps that still run. */
  async finished(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run<Value>(
    connection: Connection | undefined,
    callback: Callback<Value>,
    step: () => Promise<Value>,
  ): Promise<void> {
    if (connection !== undefined) connection.running += 1;
    const { error, value } = await this.#outcome(step);
    if (connection !== undefined) {
      connection.running -= 1;
      if (connection.running === 0) connection.whenIdle?.();
    }
    try {
      callback(error, value);
    } catch (cause) {
      this.#failed(cause);
    }
  }

  async #outcome<Value>(
    step: () => Promise<Value>,
  ): Promise<{ error: Error | null; value?: Value }> {
    try {
      return { error: null, value: await step() };
    } catch (error) {
      if (error instanceof Refusal) return { error };
      this.#failed(error);
      return { error: Refusal.of(errorReply(error)) };
    }
  }
}
