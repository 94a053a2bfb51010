/** A mail server that keeps what it gets: each message in a file `.eml`, its envelope beside it in a `.json`. */
import type { ServerTls } from "../src/smtp/listener.ts";

export type SinkOptions = {
  readonly host: string;
  /** 0 or absent: any. */
  readonly port?: number;
  /** Made when missing. */
  readonly dir: string;
  /** With it STARTTLS is offered. */
  readonly tls?: ServerTls;
};

export type SinkMail = {
  readonly file: string;
  readonly from: string;
  readonly recipients: readonly string[];
  readonly message: Uint8Array;
};

export type Sink = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  /** All mail so far, in the order it came. */
  readonly received: () => Promise<readonly SinkMail[]>;
};

export async function startSink(options: SinkOptions): Promise<Sink> {
  return Promise.reject(new Error(`${options.host} is not built yet`));
}
