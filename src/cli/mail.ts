import { openReading } from "../app/open-reading.ts";
import type { Vault } from "../app/open-vault.ts";
import type { Secret } from "../base/secret.ts";
import { listMailFor, showMailFor, type Reader } from "../incoming/audited-reading.ts";
import { listFoldersFor, searchMailFor } from "../incoming/searching.ts";
import { openPending, retryOpening } from "../incoming/pending.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import type { MailListEntry } from "../incoming/mail-list.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { messageNamed } from "../spool/named-message.ts";
import { unlockWithPassword, unlockWithService } from "../vault/vault.ts";
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
import { FOLDER, folderGiven } from "./folder-given.ts";
import { textOf } from "./mail-text.ts";
import { openFor } from "./open.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";
import type { Account } from "../words/account.ts";

const PASSWORD = {
  "password-stdin": {
    help: "read the password of the account from stdin, and open what is locked",
  },
};

/** `mail list`, `mail show` and `mail retry`. */
export const mailCommands: readonly Command[] = [
  {
    name: "mail list",
    operands: ["ADDRESS"],
    summary: "the messages of an account, the newest first",
    options: { ...PASSWORD, folder: FOLDER },
    run: list,
  },
  {
    name: "mail search",
    operands: ["ADDRESS", "WORDS"],
    summary: "the messages in which all these words stand, or words that begin so",
    options: PASSWORD,
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
      raw: { help: "the bytes only: the signed part as it was signed, or the message as received" },
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
  const text = `${retried} messages ${keys === undefined ? "wait to be opened at the next login" : "were tried again"}`;
  return answer(call, { retried, isTried: keys !== undefined }, [
    `${text}; see: sealpost mail list ${printable(address.local)}@${address.domain}`,
  ]);
}

async function list(call: Call): Promise<ExitCode> {
  const folder = folderGiven(call);
  return asReader(call, async (deps, reader) =>
    listed(call, await listMailFor(deps, reader, folder)),
  );
}

/** Reads mail with the keys that the password opens, where one is given. */
async function asReader(
  call: Call,
  read: (deps: ReadingDeps, reader: Reader) => Promise<ExitCode>,
): Promise<ExitCode> {
  const address = addressGiven(call);
  using password = await passwordIfGiven(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  using keys = await keysFor(vault, account, password);
  await using reading = await openReading(vault);
  return await read(reading.deps, { account, keys });
}

function listed(call: Call, entries: readonly MailListEntry[]): ExitCode {
  const rows = entries.map((entry) => [
    entry.id,
    [entry.state, ...entry.warnings].join(" "),
    entry.receivedAt.toISOString(),
    printable(entry.from),
    printable(entry.subject),
  ]);
  return answer(call, entries.map(viewOf), table(rows));
}

async function search(call: Call): Promise<ExitCode> {
  const [, words = ""] = call.operands;
  return asReader(call, async (deps, reader) => {
    const found = await searchMailFor(deps, reader, words);
    if (found.kind === "mailbox-closed") throw refused(found, reader.account.address);
    if (!found.isWhole) call.terminal.complain("there are more; search for more words\n");
    return listed(call, found.entries);
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

/** The ID of the message that somebody means; what they wrote, where it names none. @throws UsageError when it names several. */
async function idOf(
  { store, mailboxOf }: Pick<ReadingDeps, "store" | "mailboxOf">,
  owner: Account,
  given: string,
): Promise<string> {
  const at = { account: owner.id, mailbox: mailboxOf(store, owner) };
  const named = await messageNamed(store, at, readingsOf(given));
  switch (named.kind) {
    case "one":
      return named.id;
    case "none":
      return given;
    case "several":
      throw new UsageError(
        `${named.count} messages have an ID that begins with ${printable(named.name)}; write more of it`,
      );
  }
}

/** The keys that the password opens; without one those that the provider may use, which `listMail` finds itself. */
async function keysFor(
  vault: Vault,
  account: Account,
  password: Secret | undefined,
): Promise<UnlockedKeys | undefined> {
  if (password === undefined) return undefined;
  const keys = await unlockWithPassword(vault, account.id, password);
  if (keys === undefined) throw refused({ kind: "opens-no-key" }, account.address);
  return keys;
}

function viewOf(entry: MailListEntry) {
  return {
    id: entry.id,
    from: entry.from,
    subject: entry.subject,
    state: entry.state,
    warnings: entry.warnings,
    sentence: entry.sentence,
    unsigned: entry.unsigned,
    signature: entry.signature,
    signedAt: entry.signedAt?.toISOString() ?? null,
    signer: entry.signer ?? null,
    fingerprint: entry.fingerprint ?? null,
    scan: entry.scan,
    sent: entry.sent,
    receivedAt: entry.receivedAt.toISOString(),
    sizeBytes: entry.sizeBytes,
  };
}
