import { openReading } from "../app/open-reading.ts";
import { listMailFor, showMailFor, type Reader } from "../incoming/audited-reading.ts";
import type { MailPage } from "../incoming/list-page.ts";
import { openPending, retryOpening } from "../incoming/pending.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { listFoldersFor, searchMailFor } from "../incoming/searching.ts";
import { text } from "../locales/locales.ts";
import { folderNamed } from "../mailbox/folder-named.ts";
import type { FolderId } from "../mailbox/mailbox.ts";
import { unlockWithService } from "../vault/vault.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import {
  answer,
  type Call,
  type Command,
  type ExitCode,
  printable,
  table,
  UsageError,
} from "./command.ts";
import { asReader, idOf, keysFor, PASSWORD, viewOf } from "./mail-reader.ts";
import { textOf } from "./mail-text.ts";
import { openFor } from "./open.ts";
import { limitGiven, nextOf, PAGE, pageEnd, placeGiven } from "./paging.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";

/** `mail list`, `mail search`, `mail folders`, `mail show` and `mail retry`. */
export const mailCommands: readonly Command[] = [
  {
    name: "mail list",
    operands: ["ADDRESS"],
    summary: "the messages of an account, the newest first",
    options: {
      ...PASSWORD,
      ...PAGE,
      folder: { value: "FOLDER", help: "another folder than the inbox" },
    },
    run: list,
  },
  {
    name: "mail search",
    operands: ["ADDRESS", "WORDS"],
    summary: "the messages in which all these words stand, or words that begin so",
    options: { ...PASSWORD, ...PAGE },
    run: search,
  },
  {
    name: "mail folders",
    operands: ["ADDRESS"],
    summary: "the folders of a mailbox, with how many messages each has",
    options: PASSWORD,
    run: folders,
  },
  {
    name: "mail show",
    operands: ["ADDRESS", "ID"],
    summary: "one message with what is known of it",
    options: {
      ...PASSWORD,
      raw: {
        help: "the bytes only: the signed part as it was signed, or the message as received, or as sent with its receipt",
      },
      "open-part": {
        help: "open the one encrypted part of a message that is not sealed as a whole, and show it alone",
      },
    },
    run: show,
  },
  {
    name: "mail retry",
    operands: ["ADDRESS", "[ID]"],
    summary: "open sealed mail again that could not be opened, or counts as damaged",
    options: PASSWORD,
    run: retry,
  },
];

async function retry(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, given] = call.operands;
  using password = await passwordIfGiven(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  await using reading = await openReading(vault);
  const id = given === undefined ? undefined : await idOf(reading.deps, account, given);
  using opened = await keysFor(vault, account, password);
  using own = opened === undefined ? await unlockWithService(vault, account.id) : undefined;
  const keys = opened ?? own;
  const retried = await retryOpening(reading.deps, account.id, id);
  if (id !== undefined && retried === 0) {
    throw refused({ kind: "not-retryable", id }, account.address);
  }
  if (keys !== undefined) await openPending(reading.deps, account.id, keys);
  const shown = { count: retried, address: `${printable(address.local)}@${address.domain}` };
  return answer(call, { retried, isTried: keys !== undefined }, [
    keys === undefined ? text("mail.retried.waiting", shown) : text("mail.retried.tried", shown),
  ]);
}

async function list(call: Call): Promise<ExitCode> {
  const [after, limit] = [placeGiven(call), limitGiven(call)];
  return asReader(call, async (deps, reader) => {
    const folder = await folderGiven(call, deps, reader);
    return listed(call, await listMailFor(deps, reader, { folder, after, limit }));
  });
}

async function folderGiven(
  call: Call,
  deps: ReadingDeps,
  reader: Reader,
): Promise<FolderId | undefined> {
  const name = call.option("folder");
  if (name === undefined) return undefined;
  const folder = folderNamed(await listFoldersFor(deps, reader), name);
  if (folder === undefined) throw refused({ kind: "no-folder", name }, reader.account.address);
  return folder.id;
}

function listed(call: Call, { entries, next: place }: MailPage): ExitCode {
  const rows = entries.map((entry) => [
    entry.id,
    [entry.state, ...entry.warnings].join(" "),
    entry.receivedAt.toISOString(),
    printable(entry.from),
    printable(entry.subject),
  ]);
  const next = nextOf(place);
  answer(call, { messages: entries.map(viewOf), next }, table(rows));
  return pageEnd(call, next);
}

async function search(call: Call): Promise<ExitCode> {
  const [, words = ""] = call.operands;
  const [place, limit] = [placeGiven(call), limitGiven(call)];
  return asReader(call, async (deps, reader) => {
    const found = await searchMailFor(deps, reader, words, { place, limit });
    if (found.kind === "mailbox-closed") throw refused(found, reader.account.address);
    return listed(call, found);
  });
}

async function folders(call: Call): Promise<ExitCode> {
  return asReader(call, async (deps, reader) => {
    const all = await listFoldersFor(deps, reader);
    const rows = all.map(({ id, standard, name, messages, unseen }) => [
      standard ?? id,
      printable(standard ?? name ?? "[...]"),
      `${messages} messages`,
      `${unseen} new`,
    ]);
    const view = all.map((folder) => ({
      ...folder,
      standard: folder.standard ?? null,
      name: folder.name ?? null,
    }));
    return answer(call, view, table(rows));
  });
}

async function show(call: Call): Promise<ExitCode> {
  const [, given = ""] = call.operands;
  if (call.has("raw") && call.isJson) throw new UsageError("--raw prints bytes; leave --json away");
  return asReader(call, async (deps, reader) => {
    const { account } = reader;
    const id = await idOf(deps, account, given);
    const wanted = { id, isPart: call.has("open-part") };
    const shown = await showMailFor(deps, reader, wanted);
    if (shown === undefined) throw refused({ kind: "no-message", id }, account.address);
    if (call.has("raw")) {
      if (shown.raw.length === 0) {
        const notShown = { ...shown, custody: account.custody };
        throw refused({ kind: "nothing-to-show", shown: notShown }, account.address);
      }
      call.terminal.write(shown.raw);
      return 0;
    }
    return answer(
      call,
      {
        ...viewOf(shown),
        parts: shown.parts.map((part) => ({ ...part, text: part.text })),
        absence: shown.absence,
      },
      textOf(shown, account),
    );
  });
}
