/** `mail import`: old mail from mbox files and Maildirs. */
import { SEALED_GROWTH } from "../app/gateway-listeners.ts";
import { importMailFor, type ImportReport } from "../incoming/import/import-mail.ts";
import { text } from "../locales/locales.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { asReader, PASSWORD } from "./mail-reader.ts";
import { refused } from "./refusals.ts";

/** How many messages are read between two lines about it. */
const PROGRESS_EVERY = 500;

export const mailImportCommand: Command = {
  name: "mail import",
  operands: ["ADDRESS", "PATH"],
  summary: "add old mail from an mbox file, a Maildir or a folder of them; what is there stays",
  options: {
    ...PASSWORD,
    folder: { value: "FOLDER", help: "where all of it comes (default: as the files are named)" },
  },
  run: importMail,
};

async function importMail(call: Call): Promise<ExitCode> {
  const [, path = ""] = call.operands;
  const folder = call.option("folder");
  const progress = (messages: number): void => {
    if (messages % PROGRESS_EVERY === 0) {
      call.terminal.complain(text("import.progress", { count: messages }));
    }
  };
  return asReader(call, async (reading, reader, { config }) => {
    const { hostname, limits } = config;
    const maxBytes = Math.ceil(limits.messageBytes * SEALED_GROWTH);
    const deps = { ...reading, hostname, quota: limits, maxBytes };
    const done = await importMailFor(deps, reader, { path, folder, progress });
    if (done.kind !== "imported") throw refused(done, reader.account.address);
    const { imported, known, folders, leftOut, places, isFull } = done;
    answer(
      call,
      {
        path,
        imported,
        known,
        folders: Object.fromEntries(folders),
        leftOut: Object.fromEntries(leftOut),
        places,
        isFull,
      },
      linesOf(done),
    );
    if (isFull) {
      call.terminal.complain(`sealpost: ${text("import.full")}`);
    }
    return isFull || places.length > 0 ? 1 : 0;
  });
}

function linesOf({ imported, known, folders, leftOut, places }: ImportReport): readonly string[] {
  return [
    text("import.done", { imported, known }),
    ...[...folders].map(([name, count]) => `  ${printable(name)}: ${String(count)}`),
    ...[...leftOut].map(([why, count]) =>
      text("import.left-out", { count, why: text(`import.because.${why}`) }),
    ),
    ...places.map(({ place, why }) => `  ${printable(place)}: ${why}`),
  ];
}
