/** A relay to one hop, and clients whose messages go there. */
import assert from "node:assert/strict";
import type { Envelope } from "../../src/mail/envelope.ts";
import type { Hop, RelayResult, Submitter } from "../../src/smtp/relay/hop.ts";
import { IdleSessions } from "../../src/smtp/relay/idle-sessions.ts";
import { relayWith } from "../../src/smtp/relay/relay.ts";
import { addressOf } from "./address.ts";
import type { NextHopServer } from "./next-hop-server.ts";
import { MESSAGE } from "./test-listener.ts";

const envelope: Envelope = {
  from: addressOf("alice@alpha.test"),
  recipients: [addressOf("bob@beta.test")],
};

export const alice: Submitter = {
  address: "192.0.2.7",
  port: 40_000,
  helo: "[192.168.1.5]",
  login: addressOf("alice@alpha.test"),
};
export const ben: Submitter = {
  ...alice,
  address: "2001:db8::7",
  login: addressOf("b=n+x@alpha.test"),
};

/** Hands one message of a client to a hop: `accepted`, or for how long it is refused and why. */
export function relayTo(hop: Hop, idle = new IdleSessions(() => ({ idleMs: 0 }))) {
  const relay = relayWith({ hopFor: () => hop, hostname: "mail.alpha.test", idle });
  return async (submitter?: Submitter): Promise<string> =>
    kindOf(await relay(envelope, Buffer.from(MESSAGE), { submitter }));
}

function kindOf({ recipients }: RelayResult): string {
  const [{ outcome } = assert.fail()] = recipients;
  if (outcome.kind === "accepted") return "accepted";
  return `${outcome.temporary ? "temporary" : "permanent"} ${outcome.text}`;
}

/** How many connections the messages came in. */
export const connectionsOf = ({ taken }: NextHopServer) =>
  new Set(taken.map(({ connection }) => connection)).size;
