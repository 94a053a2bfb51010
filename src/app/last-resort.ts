/** An error that nobody caught ends the process after a log line, because its state is unknown. */
import { writeSync } from "node:fs";

import { errorText } from "../base/errors.ts";
import { systemClock } from "../base/time.ts";

const STDOUT = 1;
/** EX_SOFTWARE of sysexits.h: the supervisor starts the process again. */
const EXIT_CODE = 70;
/** What pino calls fatal. */
const FATAL = 60;

/** Logs one JSON line, as `events.ts` does, and ends the process. The line is written before the process ends. */
export function endOnUnheard(): void {
  const end = (where: string) => (error: unknown) => {
    const stack = error instanceof Error ? error.stack : undefined;
    const time = systemClock.now().toISOString();
    const line = { level: FATAL, time, where, error: errorText(error), stack, msg: "ended" };
    try {
      writeSync(STDOUT, `${JSON.stringify(line)}\n`);
    } finally {
      process.exit(EXIT_CODE);
    }
  };
  process.on("uncaughtException", end("uncaughtException"));
  process.on("unhandledRejection", end("unhandledRejection"));
}
