/** What the commands on mail share: whose mail it is, with which keys, and which messages are meant. */
import { openReading } from "../app/open-reading.ts";
import type { Vault } from "../app/open-vault.ts";
import type { Secret } from "../base/secret.ts";
import type { Reader } from "../incoming/audited-reading.ts";
import type { MailListEntry } from "../incoming/mail-list.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import { messageNamed } from "../spool/named-message.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import type { Account } from "../words/account.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { type Call, type ExitCode, printable, UsageError } from "./command.ts";
import { requireServiceKeyOf } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";

/** The option of commands that open a mailbox. */
export const PASSWORD = {
  "password-stdin": {
    help: "read the password of the account from stdin, and open what is locked",
  },
};

/** Reads mail with the keys that the password opens, where one is given. */
export async function asReader(
  call: Call,
  read: (deps: ReadingDeps, reader: Reader, vault: Vault) => Promise<ExitCode>,
): Promise<ExitCode> {
  const address = addressGiven(call);
  using password = await passwordIfGiven(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  using keys = await keysFor(vault, account, password);
  await using reading = await openReading(vault);
  return await read(reading.deps, { account, keys }, vault);
}

/** The ID of the message that somebody means; what they wrote, where it names none. @throws UsageError when it names several. */
export async function idOf(
  { store, mailboxOf }: Pick<ReadingDeps, "store" | "mailboxOf">,
  owner: Account,
  given: string,
): Promise<MessageId> {
  const at = { account: owner.id, mailbox: mailboxOf(store, owner) };
  const named = await messageNamed(store, at, readingsOf(given));
  switch (named.kind) {
    case "one":
      return named.id;
    case "none":
      return given as MessageId;
    case "several":
      throw new UsageError(
        `${named.count} messages have an ID that begins with ${printable(named.name)}; write more of it`,
      );
  }
}

/** The keys that the password opens; without one those that the provider may use, which the features find themselves. */
export async function keysFor(
  vault: Vault,
  account: Account,
  password: Secret | undefined,
): Promise<UnlockedKeys | undefined> {
  if (password === undefined) return undefined;
  const keys = await unlockWithPassword(vault, account.id, password);
  if (keys !== undefined) return keys;
  await requireServiceKeyOf(vault, account.id);
  throw refused({ kind: "opens-no-key" }, account.address);
}

/** The number that an option gives. @throws UsageError when it is none, or not from 1 to `max`. */
export function numberGiven(
  call: Call,
  name: string,
  o: { readonly max: number },
): number | undefined {
  const given = call.option(name);
  if (given === undefined) return undefined;
  const number = /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (number >= 1 && number <= o.max) return number;
  throw new UsageError(`--${name} takes a number from 1 to ${String(o.max)}`);
}

/** A message as `--json` has it. */
export function viewOf(entry: MailListEntry) {
  return {
    id: entry.id,
    folder: entry.folder ?? null,
    flags: entry.flags,
    keywords: entry.keywords,
    from: entry.from,
    claimed: entry.claimed,
    to: entry.to,
    subject: entry.subject,
    date: entry.date?.toISOString() ?? null,
    snippet: entry.snippet,
    attachments: entry.attachments,
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
