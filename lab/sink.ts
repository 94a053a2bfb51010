/** A mail server that keeps what it gets: each message in a file `.eml`, its envelope beside it in a `.json`. */
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatAddress } from "../src/mail/address.ts";
import type { Envelope } from "../src/mail/envelope.ts";
import { startListener, type ServerTls } from "../src/smtp/listener/listener.ts";
import { reply } from "../src/smtp/smtp.ts";

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
  /** The path of the `.eml`. */
  readonly file: string;
  /** "" for the null reverse-path. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly isTls: boolean;
  readonly message: Uint8Array;
};

export type Sink = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  /** All mail so far, in the order it came. */
  readonly received: () => Promise<readonly SinkMail[]>;
};

const NUMBER_DIGITS = 6;

/** Takes mail for everybody. A message is in its folder, whole, before its `250`. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const { host, port = 0, dir, tls } = options;
  await mkdir(dir, { recursive: true });
  let count = (await readdir(dir)).filter((name) => name.endsWith(".eml")).length;
  const listener = await startListener({
    host,
    port,
    hostname: "sink.test",
    mode: "mx",
    ...(tls === undefined ? {} : { tls }),
    limits: { messageBytes: 50 * 1024 * 1024, closeMs: 1000 },
    handlers: {
      rcpt: async () => Promise.resolve("ok"),
      data: async (client, envelope, message) => {
        count += 1;
        const base = join(dir, String(count).padStart(NUMBER_DIGITS, "0"));
        await writeFile(`${base}.json`, envelopeText(envelope, client.isTls));
        await writeFile(`${base}.new`, message.take());
        await rename(`${base}.new`, `${base}.eml`);
        return reply("250", "2.0.0", "kept");
      },
    },
  });
  return {
    host: listener.host,
    port: listener.port,
    dir,
    received: async () => readSink(dir),
    [Symbol.asyncDispose]: async () => listener[Symbol.asyncDispose](),
  };
}

/** What a sink keeps in its folder, in the order it came; also while another process runs it. */
async function readSink(dir: string): Promise<readonly SinkMail[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".eml")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const file = join(dir, name);
      const [message, envelope] = await Promise.all([
        readFile(file),
        readFile(file.replace(/\.eml$/, ".json"), "utf8"),
      ]);
      return { file, message, ...(JSON.parse(envelope) as Omit<SinkMail, "file" | "message">) };
    }),
  );
}

function envelopeText(envelope: Envelope, isTls: boolean): string {
  const { from, recipients } = envelope;
  const value = {
    from: from === undefined ? "" : formatAddress(from),
    recipients: recipients.map((recipient) => formatAddress(recipient)),
    isTls,
  };
  return `${JSON.stringify(value)}\n`;
}
