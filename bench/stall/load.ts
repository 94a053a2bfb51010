/** Large mail of every kind: submitted and sealed, received sealed, in clear, signed in clear, and made to cost much. */
import type { Sink } from "../../lab/sink.ts";
import type { Place } from "../../lab/world.ts";
import { LARGE_INPUTS } from "../../test/support/large-input.ts";
import { PASSWORD, READER } from "../../test/support/lone-server.ts";
import { connectClient } from "../../test/support/mail-client.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import {
  ownKey,
  RECEIVED_OCTETS,
  signedInClear,
  SUBMITTED_OCTETS,
  withAttachment,
} from "./mail.ts";

const NAME = "mail.alpha.test";
const ROUNDS = 3;

/** Where a serving process takes mail, and where it hands on what was submitted. */
export type Target = {
  readonly lmtp: Place;
  readonly submission: Place;
  /** The file of the authority behind its TLS certificate. */
  readonly ca: string;
  readonly config: string;
  readonly sink: Pick<Sink, "received">;
};

/** One kind of large mail. */
export type Kind = {
  readonly name: string;
  readonly rounds: number;
  /** Sends one message. @throws Error when it is not answered as it should be. */
  readonly send: () => Promise<void>;
};

/** All kinds. The sealed message that is received is one that this server sealed. */
export async function allKinds(target: Target): Promise<readonly Kind[]> {
  const { lmtp, config, sink } = target;
  const key = await ownKey(config);
  await submit(target, SUBMITTED_OCTETS);
  const sealed = (await sink.received()).at(-1)?.message ?? new Uint8Array();
  const signed = await signedInClear(RECEIVED_OCTETS, key);
  const clear = withAttachment(RECEIVED_OCTETS, "in clear");
  const often = (name: string, send: () => Promise<void>): Kind => ({ name, rounds: ROUNDS, send });
  return [
    often("submitted and sealed", async () => submit(target, SUBMITTED_OCTETS)),
    often("received sealed", async () => receive(lmtp, sealed)),
    often("received in clear", async () => receive(lmtp, clear)),
    often("received signed in clear", async () => receive(lmtp, signed)),
    ...LARGE_INPUTS.map(({ name, bytes }) => ({
      name: `received: ${name}`,
      rounds: 1,
      send: async () => receive(lmtp, bytes()),
    })),
  ];
}

/** Submits a message with an attachment to the account itself. */
export async function submit({ submission, ca }: Target, octets: number): Promise<void> {
  using client = await connectClient({
    place: submission,
    serverName: NAME,
    ca,
    account: { address: READER, password: PASSWORD } as never,
  });
  const sent = await client.send(READER, withAttachment(octets, "sealed"));
  if (sent.kind === "refused") throw new Error(sent.reply);
}

/** Delivers by LMTP; what the message is refused for is as good as taking it. */
async function receive(lmtp: Place, message: Uint8Array): Promise<void> {
  await using client = await RawSmtp.connect(lmtp);
  await client.all([
    "LHLO relay.test",
    "MAIL FROM:<sender@beta.test>",
    `RCPT TO:<${READER}>`,
    "DATA",
  ]);
  client.write(dotStuffed(message));
  const reply = await client.ask("\r\n.");
  if (!/^[25]/.test(reply)) throw new Error(reply);
}

function dotStuffed(message: Uint8Array): Buffer {
  const text = Buffer.from(message);
  return text.includes("\r\n.")
    ? Buffer.from(text.toString("latin1").replaceAll("\r\n.", "\r\n.."), "latin1")
    : text;
}
