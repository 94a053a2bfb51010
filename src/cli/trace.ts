import { findTrace } from "../journal/trace.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { openToRead } from "./open.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";

/** `trace ID`. */
export const traceCommand: Command = {
  name: "trace",
  operands: ["ID"],
  summary:
    "why a message was, or was not, protected: each decision with its evidence. ID: its Message-ID, or the name in an SMTP reply or log line, each with or without brackets",
  options: {},
  run: trace,
};

async function trace(call: Call): Promise<ExitCode> {
  const [given = ""] = call.operands;
  await using parts = await openToRead(call);
  // An ID may have been pasted with what surrounded it: `(4f1c09a7be21)`, `<1@alpha.test>.`
  const entries = await findTrace(parts.store, readingsOf(given));
  const [first] = entries;
  if (first === undefined) {
    throw refused({ kind: "nothing-recorded", name: given });
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
