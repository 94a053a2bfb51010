/** A mail client that submits many messages over one authenticated connection (nodemailer's SMTP client). */
import { readFile } from "node:fs/promises";
import SMTPConnection from "nodemailer/lib/smtp-connection/index.js";
import type { Account, Place } from "../../lab/world.ts";

export type SendResult =
  | { readonly kind: "accepted"; readonly reply: string }
  | { readonly kind: "refused"; readonly reply: string };

export type MailClient = Disposable & {
  readonly send: (to: string, message: Uint8Array) => Promise<SendResult>;
};

/** Logs in over implicit TLS. The server's certificate must name `serverName`. */
export async function connectClient(o: {
  readonly place: Place;
  readonly serverName: string;
  readonly ca: string;
  readonly account: Account;
}): Promise<MailClient> {
  const connection = new SMTPConnection({
    ...o.place,
    secure: true,
    tls: { ca: await readFile(o.ca), servername: o.serverName },
    connectionTimeout: 10_000,
    socketTimeout: 60_000,
  });
  // A server that dies says nothing to whoever waits for its answer.
  const gone = new Promise<never>((_, reject) => {
    connection.on("error", reject);
    connection.on("end", () => {
      reject(new Error("the connection ended"));
    });
  });
  gone.catch(() => undefined);
  const orGone = async <T>(step: (resolve: (value: T) => void, reject: Fail) => void) =>
    Promise.race([new Promise<T>(step), gone]);
  await orGone<void>((resolve) => {
    connection.connect(() => {
      resolve();
    });
  });
  const { address, password } = o.account;
  await orGone<void>((resolve, reject) => {
    connection.login({ user: address, pass: password }, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  return {
    send: async (to, message) =>
      orGone<SendResult>((resolve) => {
        const envelope = { from: address, to, use8BitMime: true, size: message.length };
        connection.send(envelope, Buffer.from(message), (error, info) => {
          resolve(
            error
              ? { kind: "refused", reply: error.response ?? error.message }
              : { kind: "accepted", reply: info.response },
          );
        });
      }),
    [Symbol.dispose]: () => {
      connection.close();
    },
  };
}

type Fail = (error: Error) => void;
