/** `mail export`: a message, a folder or all mail, in clear, for other programs. */
import { writeFile } from "node:fs/promises";

import { codeOf } from "../base/errors.ts";
import type { Reader } from "../incoming/audited-reading.ts";
import {
  exportMailFor,
  exportMessageFor,
  type ExportReport,
} from "../incoming/export/export-mail.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import type { ExportFormat } from "../mailbox/files/export-folder.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  UsageError,
} from "./command.ts";
import { asReader, idOf, PASSWORD } from "./mail-reader.ts";
import { refused } from "./refusals.ts";
import { requireSafePlaces } from "./safe-places.ts";

const FORMATS: readonly ExportFormat[] = ["maildir", "mbox"];
/** How many messages are written between two lines about it. */
const PROGRESS_EVERY = 500;

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
  await writeFile(path, message, { flag: "wx", mode: 0o600, flush: true }).catch(
    (cause: unknown) => {
      if (codeOf(cause) !== "EEXIST") throw cause;
      throw new UsageError(`${path} is there already; name a file that is not`);
    },
  );
  const isOpened = kind === "opened";
  return answer(call, { id, path, isOpened, state: entry.state }, [
    `${printable(path)} holds the message`,
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
  const progress = (written: number, of: number): void => {
    if (written % PROGRESS_EVERY === 0 && written < of) {
      call.terminal.complain(`${String(written)} of ${String(of)} messages are written`);
    }
  };
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
  return [
    `${printable(path)} has ${String(written)} messages more${there === 0 ? "" : `, beside ${String(there)} that it had`}`,
    ...[...asReceived].map(([state, count]) => notOpened(state, count)),
    ...closed.map(({ id, state }) => `NOT WRITTEN: ${id} ${state}; see: sealpost mail show`),
  ];
}

function notOpened(state: string, count: number): string {
  const what = count === 1 ? "1 message is" : `${String(count)} messages are`;
  return `${what} written as received (${state}): ${reasonOf(state)}`;
}

function reasonOf(state: string): string {
  switch (state) {
    case "DAMAGED":
    case "UNDECRYPTABLE":
    case "LOCKED_OLD":
    case "CLIENT_ONLY":
    case "QUARANTINED":
      return text(`mail.${state}`);
    default:
      return text("mail.failed");
  }
}
