/** Mail of 20 KB that many clients submit at once. */
import type { RawSmtp } from "../../test/support/raw-smtp.ts";
import { messageFrom } from "../gateway/message.ts";

/** Each client sends one message after the other until all are sent. @throws Error when one is refused. */
export async function submitAll(
  clients: readonly RawSmtp[],
  o: { readonly count: number; readonly from: string; readonly to: string },
): Promise<void> {
  let left = o.count;
  await Promise.all(
    clients.map(async (client) => {
      while (left > 0) {
        left -= 1;
        await submit(client, o);
      }
    }),
  );
}

async function submit(
  client: RawSmtp,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await client.all([`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA"]);
  client.write(messageFrom(from, to));
  const reply = await client.ask(".");
  if (!reply.startsWith("250")) throw new Error(reply);
}
