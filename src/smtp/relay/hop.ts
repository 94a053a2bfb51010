/** A next hop, and what handing it a message comes to. */
import type { EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";

export type Hop = {
  readonly host: string;
  readonly port: number;
  readonly protocol?: "smtp" | "lmtp";
  /** `offered` (default): STARTTLS where the hop offers it, its name not checked (RFC 7435); `required`: checked. */
  readonly tls?: "offered" | "required" | "none";
  /** The name in the hop's certificate; `host` when absent. */
  readonly serverName?: string;
  /** PEM; the system's authorities when absent. */
  readonly ca?: string;
};

/** A hop with all that its sessions depend on: who is asked for TLS must not get a session without it. */
export function nameOf({
  host,
  port,
  protocol = "smtp",
  tls = "offered",
  serverName,
  ca,
}: Hop): string {
  return JSON.stringify([host, port, protocol, tls, serverName ?? "", ca ?? ""]);
}

export type Outcome =
  | { readonly kind: "accepted"; readonly text: string }
  | {
      readonly kind: "refused";
      /** The hop's reply code; 0 when it gave none. */
      readonly code: number;
      /** What our own side found out before the message was sent; a hop's words never choose it. */
      readonly obstacle?: Obstacle;
      /** The hop's words with its enhanced code, or ours when it said nothing. */
      readonly text: string;
      readonly temporary: boolean;
    };

/** Why a hop cannot take a message as it is, by what it offers. */
export type Obstacle = "size" | "smtputf8" | "8bitmime" | "requiretls";

export type RecipientOutcome = { readonly address: EmailAddress; readonly outcome: Outcome };

/** In the order of the envelope. `accepted` only after the hop's 250 to the end of DATA. */
export type RelayResult = { readonly recipients: readonly RecipientOutcome[] };

/** Never throws: trouble is a temporary refusal. */
export type Relay = (
  envelope: Envelope,
  message: Uint8Array,
  signal?: AbortSignal,
) => Promise<RelayResult>;

export type RelayTimeouts = {
  /** To a connection, and to the end of a TLS handshake. */
  readonly connectMs: number;
  /** For each reply but the last, and for each piece of the message to be taken. */
  readonly replyMs: number;
  /** For the reply to the end of DATA (RFC 5321 §4.5.3.2.6). */
  readonly finalReplyMs: number;
};
