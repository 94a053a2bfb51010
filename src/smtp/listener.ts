/**
 * Mail coming in: submission (RFC 6409, RFC 8314), MX (RFC 5321) and LMTP (RFC 2033), over smtp-server. Start here; what
 * is answered is decided by the handlers, and `250` is said only after `data` has come back with it.
 */
import type { Secret } from "../base/secret.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { Reply } from "./reply.ts";

export type ListenerMode = "submission-implicit" | "submission-starttls" | "mx" | "lmtp";

/** PEM texts. */
export type ServerTls = { readonly cert: string; readonly key: string };

/** What is known of the other side of a connection. `Login` is whatever the `login` handler made of it. */
export type Client<Login> = {
  readonly id: string;
  /** The address prefix by which limits count: /24 or /48. */
  readonly network: string;
  readonly address: string;
  /** The name it gave in EHLO or LHLO; it may be a lie. */
  readonly name: string;
  /** For the Received field: `ESMTPSA` and the like (RFC 3848). */
  readonly protocol: string;
  readonly isTls: boolean;
  readonly login: Login | undefined;
};

/** `sizeBytes` is what the client announced by SIZE (RFC 1870), 0 when nothing. */
export type EnvelopeSoFar = Envelope & { readonly sizeBytes: number };

export type Handlers<Login extends object> = {
  /** Submission only. The password is wiped when the promise settles. */
  readonly login?: (
    address: string,
    password: Secret,
    network: string,
  ) => Promise<Login | "refused" | "throttled">;
  /** The connection of a login has ended: wipe what it held. */
  readonly loggedOut?: (login: Login) => void;
  /** The answer to RCPT TO; "ok" is 250 2.1.5. Recipients accepted before are in `envelope`. */
  readonly rcpt: (
    client: Client<Login>,
    envelope: EnvelopeSoFar,
    recipient: EmailAddress,
  ) => Promise<Reply | "ok">;
  /**
   * The answer to DATA, after whatever makes it durable. LMTP: a list has one reply for each of `envelope.recipients`, in
   * order; that holds a repeated recipient as often as it was accepted. SMTP: of a list one reply is made, a refusal first.
   */
  readonly data: (
    client: Client<Login>,
    envelope: Envelope,
    message: Uint8Array,
  ) => Promise<Reply | readonly Reply[]>;
  /** Told of what was thrown and answered as trouble; for the log. */
  readonly failed?: (error: unknown) => void;
};

export type ListenerLimits = {
  readonly messageBytes: number;
  readonly recipients: number;
  readonly clients: number;
  /** Silence after which a connection is closed. */
  readonly idleMs: number;
  /** From DATA to its end. */
  readonly dataMs: number;
};

export type ListenerOptions<Login extends object> = {
  readonly host: string;
  readonly port: number;
  /** The name in the greeting. */
  readonly hostname: string;
  readonly mode: ListenerMode;
  /** Needed by all modes but `lmtp`. */
  readonly tls?: ServerTls;
  readonly limits?: Partial<ListenerLimits>;
  readonly handlers: Handlers<Login>;
};

export type Listener = AsyncDisposable & { readonly host: string; readonly port: number };

/** Listens until disposed; then lets running transactions end, for a time. */
export async function startListener<Login extends object>(
  options: ListenerOptions<Login>,
): Promise<Listener> {
  return Promise.reject(new Error(`${options.mode} is not built yet`));
}
