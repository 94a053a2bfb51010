/** What a listener asks whoever uses it, and how much it takes. */
import type { Given } from "../../base/given.ts";
import type { Secret } from "../../base/secret.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import type { Step } from "../reason.ts";
import type { Reply } from "../smtp.ts";

export type ListenerMode = "submission-implicit" | "submission-starttls" | "mx" | "lmtp";

/** The name of a client that gave none that can stand in a header field. */
export const NO_NAME = "unknown";

/** What is known of the other side of a connection. `Login` is whatever the `login` handler made of it. */
export type Client<Login> = {
  readonly id: string;
  /** The address prefix by which limits count: /24 or /48. */
  readonly network: string;
  readonly address: string;
  readonly port: number;
  /** The name it gave in EHLO or LHLO, or `NO_NAME` when that was none; it may be a lie. */
  readonly name: string;
  /** For the Received field: `ESMTPSA` and the like (RFC 3848). */
  readonly protocol: string;
  readonly isTls: boolean;
  readonly login: Login | undefined;
  /** The name of the transaction that is under way; "" when there is none, or none was given. */
  readonly transaction: string;
};

/** `sizeBytes` is what the client announced by SIZE (RFC 1870), 0 when nothing. */
export type EnvelopeSoFar = Envelope & { readonly sizeBytes: number };

/** One answer, or with LMTP one for each recipient. */
export type Answered = {
  readonly step: Step;
  /** What stands in the replies too; "" outside a transaction. */
  readonly transaction: string;
  readonly replies: readonly Reply[];
  /** How many were accepted so far. */
  readonly recipients: number;
  /** Size of the message; 0 before it came. */
  readonly sizeBytes: number;
  /** Since MAIL FROM. */
  readonly tookMs: number;
};

/** The answer to AUTH. A refusal with 535 counts as a wrong password. */
export type LoginAnswer<Login> =
  | { readonly kind: "logged-in"; readonly login: Login }
  | { readonly kind: "refused"; readonly reply: Reply };

export type Handlers<Login extends object> = {
  /**
   * Submission only. The password is wiped when the promise settles. `left`: the client has gone, and nobody needs the answer.
   */
  readonly login?: (
    address: string,
    password: Secret,
    network: string,
    left: AbortSignal,
  ) => Promise<LoginAnswer<Login>>;
  /** The connection of a login has ended, and no handler is running for it: wipe what it held. */
  readonly loggedOut?: (login: Login) => void;
  /** The answer to RCPT TO; "ok" is 250. Recipients accepted before are in `envelope`. */
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
    message: Given<Uint8Array>,
  ) => Promise<Reply | readonly Reply[]>;
  /** Names each transaction: the name stands in its replies. Without it they have none. */
  readonly nameTransaction?: () => string;
  /** Told of every login, sender and recipient that was refused, and of every message, before the client is. */
  readonly answered?: (client: Client<Login>, answered: Answered) => void;
  /** Told of what was thrown and answered as trouble; for the log. */
  readonly failed?: (error: unknown) => void;
};

export type ListenerLimits = {
  readonly messageBytes: number;
  /** Of messages that arrive or are being worked on, of all connections together; of one network, half as much. */
  readonly heldBytes: number;
  readonly recipients: number;
  readonly clients: number;
  /** Of one network (/24 or /48), unless it is trusted. */
  readonly clientsPerNetwork: number;
  /** Networks that `clients` alone holds for. */
  readonly isTrusted: (address: string) => boolean;
  /** From the connection to the first AUTH or MAIL. */
  readonly firstCommandMs: number;
  /** Silence after which a connection is closed (RFC 5321 §4.5.3.2.7). */
  readonly idleMs: number;
  /** From DATA to its end. */
  readonly dataMs: number;
  /** A message that comes more slowly on the average is not waited for, once `slowAfterMs` have passed. */
  readonly dataOctetsPerSecond: number;
  readonly slowAfterMs: number;
  /** What running transactions get when the listener is disposed. */
  readonly closeMs: number;
};
