/** A next hop, and what handing it a message comes to. */
import type { EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";

/** Where a hop listens: on the network, or at a unix socket. */
export type HopPlace =
  | { readonly host: string; readonly port: number }
  | { readonly socket: string };

export type Hop = HopPlace & {
  readonly protocol?: "smtp" | "lmtp";
  /** `offered` (default): STARTTLS where the hop offers it, its name not checked (RFC 7435); `required`: checked. */
  readonly tls?: "offered" | "required" | "none";
  /** The name in the hop's certificate; `host` when absent. */
  readonly serverName?: string;
  /** PEM, read for each session; the system's authorities when absent. */
  readonly caFile?: string;
  /** How we log in, if at all. The file is read for each session. */
  readonly login?: HopLogin;
  /** How the hop is told who submitted a message; by default it is not. */
  readonly forward?: Forward;
};

export type HopLogin = { readonly user: string; readonly passwordFile: string };

/** Postfix's extensions of SMTP: the hop acts as if the client were there, or has it in its log and for its filters. */
export type Forward = "none" | "xclient" | "xforward";

/** The place as it is written in logs. */
export function placeText(place: HopPlace): string {
  return "socket" in place ? `unix:${place.socket}` : `${place.host}:${String(place.port)}`;
}

/** A hop with all that its sessions depend on: who is asked for TLS must not get a session without it. */
export function nameOf(hop: Hop): string {
  const { protocol = "smtp", tls = "offered", serverName, caFile, login, forward = "none" } = hop;
  const of = [login?.user, login?.passwordFile, serverName, caFile].map((one) => one ?? "");
  return JSON.stringify([placeText(hop), protocol, tls, forward, ...of]);
}

/** The client that submitted a message, as a hop may be told of it. */
export type Submitter = {
  readonly address: string;
  readonly port: number;
  /** The name it gave in EHLO; undefined when that was none. */
  readonly helo: string | undefined;
  /** The address of the account. */
  readonly login: EmailAddress;
};

export type Outcome =
  | { readonly kind: "accepted"; readonly text: string }
  | {
      readonly kind: "refused";
      /** The hop's reply code; 0 when it gave none. */
      readonly code: number;
      /** What our own side says, where the hop said nothing; a hop's words never choose it. */
      readonly obstacle?: Obstacle;
      /** The hop's words with its enhanced code, or ours when it said nothing. */
      readonly text: string;
      readonly temporary: boolean;
    };

/** Why a message cannot be handed on: by what the hop offers, because the message must not leave, or for want of an answer. */
export type Obstacle =
  | "size"
  | "smtputf8"
  | "8bitmime"
  | "requiretls"
  | "line-ends"
  | "no-answer"
  | "no-reply"
  | "no-tls"
  | "no-login"
  | "unchecked-tls";

export type RecipientOutcome = { readonly address: EmailAddress; readonly outcome: Outcome };

/** In the order of the envelope. `accepted` only after the hop's 250 to the end of DATA. */
export type RelayResult = { readonly recipients: readonly RecipientOutcome[] };

/** Never throws: trouble is a temporary refusal. */
export type Relay = (
  envelope: Envelope,
  message: Uint8Array,
  options?: RelayOptions,
) => Promise<RelayResult>;

export type RelayOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Named to hops that are to be told; absent where the client has gone. */
  readonly submitter?: Submitter | undefined;
};

export type RelayTimeouts = {
  /** To a connection, and to the end of a TLS handshake. */
  readonly connectMs: number;
  /** For each reply but the last, and for each piece of the message to be taken. */
  readonly replyMs: number;
  /** For the reply to the end of DATA (RFC 5321 §4.5.3.2.6). */
  readonly finalReplyMs: number;
};
