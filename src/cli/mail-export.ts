/** `mail export`: a message, a folder or all mail, in clear, for other programs. */

import type { Reader } from "../incoming/audited-reading.ts";
import {
  exportMailFor,
  exportMessageFor,
  type ExportReport,
} from "../incoming/export/export-mail.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { counted, text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import type { ExportFormat } from "../mailbox/files/export-folder.ts";
import { writeNewFile } from "../mailbox/files/new-file.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  UsageError,
} from "./command.ts";
import { asReader, idOf, PASSWORD } from "./mail-reader.ts";
import { progressOn } from "./progress.ts";
import { refused } from "./refusals.ts";
import { requireSafePlaces } from "./safe-places.ts";

const FORMATS: readonly ExportFormat[] = ["maildir", "mbox"];

export const mailExportCommand: Command = {
  name: "mail export",
  operands: ["ADDRESS", "[ID]"],
  summary: "write a message, a folder or all mail in clear, for other programs",
  options: {
    ...PASSWORD,
    all: { help: "all folders" },
    folder: { value: "FOLDER", help: "one folder" },
    output: { value: "PATH", help: "a new folder; of one message a new file (default: stdout)" },
    format: { value: "FORMAT", help: "maildir (default), or mbox: a file for each folder" },
  },
  run: exportMail,
};

type Deps = ReadingDeps & { readonly hostname: string };

async function exportMail(call: Call): Promise<ExitCode> {
  const [, id] = call.operands;
  const folder = call.option("folder");
  const wishes = [id !== undefined, call.has("all"), folder !== undefined].filter(Boolean);
  if (wishes.length !== 1) throw new UsageError("give one of: an ID, --folder FOLDER, --all");
  const path = call.option("output");
  if (id === undefined && path === undefined) {
    throw new UsageError("say where to: --output PATH, a folder that is not there yet");
  }
  const format = formatGiven(call);
  if (path !== undefined) await requireSafePlaces([{ path, isSecret: false }]);
  return asReader(call, async (reading, reader, { config }) => {
    const deps = { ...reading, hostname: config.hostname };
    return id === undefined
      ? exportFolders(call, deps, reader, { folder, format, path: path ?? "" })
      : exportOne(call, deps, reader, id);
  });
}

function formatGiven(call: Call): ExportFormat {
  const given = call.option("format") ?? "maildir";
  const format = FORMATS.find((word) => word === given.toLowerCase());
  if (format !== undefined) return format;
  throw new UsageError(`--format ${printable(given)} is none of: ${FORMATS.join(", ")}`);
}

async function exportOne(call: Call, deps: Deps, reader: Reader, given: string): Promise<ExitCode> {
  const path = call.option("output");
  if (path === undefined && call.isJson) {
    throw new UsageError("a message on stdout is bytes; leave --json away, or give --output FILE");
  }
  const id = await idOf(deps, reader.account, given);
  const exported = await exportMessageFor(deps, reader, id);
  if (exported.kind !== "exported") throw refused(exported, reader.account.address);
  const { kind, message, entry } = exported.form;
  if (kind === "as-received") call.terminal.complain(notOpened(entry.state, 1));
  if (path === undefined) {
    call.terminal.write(message);
    return 0;
  }
  const made = await writeNewFile(path, message);
  if (made === "there-already") {
    throw new UsageError(`${path} is there already; name a file that is not`);
  }
  if (made === "link") {
    throw new UsageError(`${path} leads through a link; name it without the link`);
  }
  const isOpened = kind === "opened";
  return answer(call, { id, path, isOpened, state: entry.state }, [
    text("export.message", { path: printable(path) }),
  ]);
}

async function exportFolders(
  call: Call,
  deps: Deps,
  reader: Reader,
  wish: {
    readonly folder: string | undefined;
    readonly format: ExportFormat;
    readonly path: string;
  },
): Promise<ExitCode> {
  const progress = progressOn(call, (written: number, all: number) =>
    text("export.progress", { written, all }),
  );
  const exported = await exportMailFor(deps, reader, { ...wish, progress });
  if (exported.kind !== "exported") throw refused(exported, reader.account.address);
  const { written, there, asReceived, closed } = exported;
  answer(
    call,
    {
      address: formatAddress(reader.account.address),
      path: wish.path,
      format: wish.format,
      written,
      there,
      asReceived: Object.fromEntries(asReceived),
      closed,
    },
    linesOf(wish.path, exported),
  );
  return closed.length === 0 ? 0 : 1;
}

function linesOf(path: string, report: ExportReport): readonly string[] {
  const { written, there, asReceived, closed } = report;
  const shown = printable(path);
  return [
    there === 0
      ? text("export.folders", { path: shown, written })
      : text("export.folders.beside", { path: shown, written, there }),
    ...[...asReceived].map(([state, count]) => notOpened(state, count)),
    ...closed.map(({ id, state }) => text("export.not-written", { id, state })),
  ];
}

function notOpened(state: string, count: number): string {
  return `${counted("export.as-received", count)} (${state}): ${reasonOf(state)}`;
}

function reasonOf(state: string): string {
  switch (state) {
    case "DAMAGED":
    case "UNDECRYPTABLE":
    case "LOCKED_OLD":
    case "CLIENT_ONLY":
    case "QUARANTINED":
    case "DRAFT":
      return text(`mail.${state}`);
    default:
      return text("mail.failed");
  }
}
