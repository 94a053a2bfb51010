/** An account of a command line under test, and its mailbox while that is closed. */
import assert from "node:assert/strict";

import { openReading } from "../../src/app/open-reading.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { loadConfig } from "../../src/config/config.ts";
import type { Mailbox, MessageId, NewMail } from "../../src/mailbox/mailbox.ts";
import { findAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import type { Account } from "../../src/words/account.ts";
import { add } from "../contract/mailbox-world.ts";
import { addressOf } from "./address.ts";
import type { Cli } from "./cli.ts";

export const ADDRESS = "ada@alpha.test";
export const PASSWORD = "the password";

/** Adds the account with this custody, and does work with its mailbox. */
export async function withNewMailbox<Value>(
  cli: Cli,
  custody: string,
  work: (o: {
    readonly store: Store;
    readonly account: Account;
    readonly mailbox: Mailbox;
  }) => Promise<Value>,
): Promise<Value> {
  const given = ["account", "add", ADDRESS, "--custody", custody, "--password-stdin"];
  await cli.sealpost(given, PASSWORD);
  await using vault = await openVault(await loadConfig(cli.config));
  await using reading = await openReading(vault);
  const { store } = vault;
  const account = await findAccount(store, addressOf(ADDRESS));
  assert(account);
  return await work({ store, account, mailbox: reading.deps.mailboxOf(store, account) });
}

/** Appends messages one after the other. @returns their IDs. */
export async function addAll(
  mailbox: Mailbox,
  mails: readonly NewMail[],
): Promise<readonly MessageId[]> {
  const ids: MessageId[] = [];
  for (const mail of mails) ids.push(await add(mailbox, mail));
  return ids;
}
