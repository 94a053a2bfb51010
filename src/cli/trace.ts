import { readTrace } from "../journal/trace.ts";
import { answer, type Call, type Command, type ExitCode, notFound, printable } from "./command.ts";
import { openToRead } from "./open.ts";

/** `trace MESSAGE-ID`. */
export const traceCommand: Command = {
  name: "trace",
  operands: ["MESSAGE-ID"],
  summary: "why a message was, or was not, protected: each decision with its evidence",
  options: {},
  run: trace,
};

async function trace(call: Call): Promise<ExitCode> {
  const [given = ""] = call.operands;
  const messageId = given.startsWith("<") ? given : `<${given}>`;
  await using parts = await openToRead(call);
  const entries = await readTrace(parts.store, messageId);
  if (entries.length === 0) {
    throw notFound(
      `nothing is recorded about ${messageId}; is it the Message-ID, and not older than the retention?`,
    );
  }
  return answer(
    call,
    { messageId, entries },
    entries.map(({ at, direction, step, detail }) => {
      const facts = Object.entries(detail).map(
        ([name, value]) => `${name}=${printable(String(value))}`,
      );
      return [at.toISOString(), direction.padEnd(3), step, ...facts].join(" ");
    }),
  );
}
