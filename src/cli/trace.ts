import { readTrace, readTransaction } from "../journal/trace.ts";
import { answer, type Call, type Command, type ExitCode, notFound, printable } from "./command.ts";
import { openToRead } from "./open.ts";

/** `trace ID`. */
export const traceCommand: Command = {
  name: "trace",
  operands: ["ID"],
  summary:
    "why a message was, or was not, protected: each decision with its evidence. ID: its Message-ID, with or without brackets, or the name in an SMTP reply or log line",
  options: {},
  run: trace,
};

/** As a reply or a log line prints it: the name of a transaction stands in round brackets, often with a period behind them. */
function withoutBrackets(text: string): string {
  return /^\(([^()]+)\)[.,;]?$/.exec(text.trim())?.[1] ?? text.trim();
}

async function trace(call: Call): Promise<ExitCode> {
  const [text = ""] = call.operands;
  const given = withoutBrackets(text);
  await using parts = await openToRead(call);
  const named = await readTransaction(parts.store, given.toLowerCase());
  const entries = named.length > 0 ? named : await readTrace(parts.store, given);
  const [first] = entries;
  if (first === undefined) {
    throw notFound(
      `nothing is recorded about ${printable(given)}; is it the Message-ID, or the name in an SMTP reply, and not older than 30 days?`,
    );
  }
  const messageId = first.messageId === "" ? null : `<${first.messageId}>`;
  const views = entries.map(({ at, direction, step, detail, transaction = null }) => {
    return { at, direction, step, detail, transaction };
  });
  return answer(
    call,
    { messageId, entries: views },
    entries.map(({ at, direction, step, detail }) => {
      const facts = Object.entries(detail).map(
        ([name, value]) => `${name}=${printable(String(value))}`,
      );
      return [at.toISOString(), direction.padEnd(3), step, ...facts].join(" ");
    }),
  );
}
