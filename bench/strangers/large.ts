/** One sender of large messages: each is sealed, received and opened. */
import { randomBytes } from "node:crypto";
import type { MailClient } from "../../test/support/mail-client.ts";
import type { Attack } from "./scene.ts";

/** About what the limit of 25 MiB takes; sealed it is half as large again. */
const OCTETS = 17_500_000;
const LINE = 76;

export async function sendingLarge(o: {
  readonly login: () => Promise<MailClient>;
  readonly to: string;
}): Promise<Attack> {
  const client = await o.login();
  const state = { isOver: false, sent: 0, refused: 0 };
  const message = large(o.to);
  const running = (async () => {
    while (!state.isOver) {
      const { kind } = await client.send(o.to, message);
      state[kind === "accepted" ? "sent" : "refused"] += 1;
    }
  })();
  running.catch(() => undefined);
  return {
    said: () =>
      `${String(state.sent)} messages of ${String(Math.round(message.length / 1e6))} MB went through, ${String(state.refused)} were refused`,
    isReal: () => state.refused === 0 && state.sent > 0,
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      await running;
      client[Symbol.dispose]();
    },
  };
}

function large(to: string): Buffer {
  const lines =
    randomBytes(OCTETS)
      .toString("base64")
      .match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  const header = [
    "From: alice@alpha.test",
    `To: ${to}`,
    "Subject: Large",
    "MIME-Version: 1.0",
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: base64",
  ];
  return Buffer.from([...header, "", ...lines, ""].join("\r\n"));
}
