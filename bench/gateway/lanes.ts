/** What is measured: mail of 20 KB that goes out or comes in, some messages one after the other. */
import { READER } from "../../test/support/lone-server.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import { CARELESS } from "./careless.ts";
import type { MeasuredGateway } from "./measured.ts";
import { messageFrom } from "./message.ts";

/** Sends so many messages and returns what they cost in milliseconds. @throws Error when one is refused or not opened. */
type Lane = (gateway: MeasuredGateway, count: number) => Promise<number>;

export type LaneName = "off" | "sealed" | "clear" | "opened";

export const LANES: Readonly<Record<LaneName, Lane>> = {
  off: async (gateway, count) => submit(gateway, CARELESS, count),
  sealed: async (gateway, count) => submit(gateway, READER, count),
  clear: async ({ lmtp, costOf }, count) => {
    const messages = Array.from({ length: count }, () => messageFrom("sender@beta.test", READER));
    return costOf(async () => deliver(lmtp, messages));
  },
  opened: async (gateway, count) => {
    const messages = await sealedMessages(gateway, count);
    const before = await gateway.opened();
    const ms = await gateway.costOf(async () => deliver(gateway.lmtp, messages));
    const opened = (await gateway.opened()) - before;
    if (opened < count) throw new Error(`only ${String(opened)} were opened`);
    return ms;
  },
};

async function submit(gateway: MeasuredGateway, from: string, count: number): Promise<number> {
  using client = await gateway.logIn(from);
  return await gateway.costOf(async () => {
    for (let at = 0; at < count; at += 1) {
      const sent = await client.send(READER, messageFrom(from, READER));
      if (sent.kind === "refused") throw new Error(sent.reply);
    }
  });
}

/** The last messages that the gateway itself has sealed: its own lane came before. */
async function sealedMessages(
  { sink }: MeasuredGateway,
  count: number,
): Promise<readonly Buffer[]> {
  const sealed = (await sink.received()).filter(({ from }) => from === READER);
  if (sealed.length < count) throw new Error("too few sealed messages");
  return sealed.slice(-count).map(({ message }) => Buffer.from(message));
}

/** In one LMTP session. */
async function deliver(lmtp: MeasuredGateway["lmtp"], messages: readonly Buffer[]): Promise<void> {
  await using client = await RawSmtp.connect(lmtp);
  await client.ask("LHLO relay.test");
  for (const message of messages) {
    await client.all(["MAIL FROM:<sender@beta.test>", `RCPT TO:<${READER}>`, "DATA"]);
    client.write(message);
    const reply = await client.ask("\r\n.");
    if (!reply.startsWith("250")) throw new Error(reply);
  }
}
