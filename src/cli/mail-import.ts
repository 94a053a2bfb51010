/** `mail import`: old mail from mbox files and Maildirs. */
import { dirname, resolve } from "node:path";

import { sealedBytes } from "../app/sealed-bytes.ts";
import { importMailFor, type ImportReport } from "../incoming/import/import-mail.ts";
import { text } from "../locales/locales.ts";
import { answer, type Call, type Command, type ExitCode, printable } from "./command.ts";
import { asReader, PASSWORD } from "./mail-reader.ts";
import { progressOn } from "./progress.ts";
import { refused } from "./refusals.ts";
import { requireSafeFolder } from "./safe-places.ts";

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
  const progress = progressOn(call, (count: number) => text("import.progress", { count }));
  await requireSafeFolder(dirname(resolve(path)), false);
  return asReader(call, async (reading, reader, { config }) => {
    const { hostname, limits } = config;
    const maxBytes = sealedBytes(limits);
    const deps = { ...reading, hostname, quota: limits, maxBytes };
    const done = await importMailFor(deps, reader, { path, folder, progress });
    if (done.kind !== "imported") throw refused(done, reader.account.address);
    const { imported, known, folders, trashed, leftOut, places, isFull } = done;
    answer(
      call,
      {
        path,
        imported,
        known,
        folders: Object.fromEntries(folders),
        trashed: Object.fromEntries(trashed),
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

function linesOf(report: ImportReport): readonly string[] {
  const { imported, known, folders, trashed, leftOut, places } = report;
  return [
    text("import.done", { imported, known }),
    ...[...folders].map(([name, count]) => `  ${printable(name)}: ${String(count)}`),
    ...[...trashed].map(([name, count]) =>
      text("import.trashed", { count, folder: printable(name) }),
    ),
    ...[...leftOut].map(([why, count]) =>
      text("import.left-out", { count, why: text(`import.because.${why}`) }),
    ),
    ...places.map(({ place, why }) => `  ${printable(place)}: ${why}`),
  ];
}
