/** Commands about an account's beginning under other names, and its end. */
import { listAliases } from "../accounts/using.ts";
import type { Parts } from "../app/parts.ts";
import { MINUTE } from "../base/time.ts";
import { addAlias, removeAlias } from "../keys/alias.ts";
import { backfill } from "../keys/backfill.ts";
import { closeAccount, endSessions, eraseByLaw, reopenAccount } from "../keys/end-account.ts";
import { hasActiveKey } from "../keys/key-list.ts";
import { renameAccount } from "../keys/rename.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { accountOf, addressGiven, addressIn, requireOurs } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, notFound, UsageError } from "./command.ts";
import { masterKeyFor, masterKeyIfOpen, wrongPassword } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import type { Account } from "../words/account.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { verifyPassword } from "../vault/login-verifier.ts";
import { passwordIfGiven } from "./secret-input.ts";
import type { MasterKey } from "../vault/master-key.ts";

const STDIN = { "password-stdin": { help: "read the account's password from stdin" } };

export const accountLifeCommands: readonly Command[] = [
  {
    name: "account alias",
    operands: ["ADDRESS", "[add|remove]", "[ALIAS]"],
    summary: "other addresses of an account, each with a certificate of its own",
    options: STDIN,
    run: alias,
  },
  {
    name: "account rename",
    operands: ["ADDRESS", "NEW"],
    summary:
      "another address for an account; the former one becomes an alias (stdin: the password)",
    options: STDIN,
    run: rename,
  },
  {
    name: "account end-sessions",
    operands: ["ADDRESS"],
    summary: "end all sessions of an account, on every host: its user logs in again",
    options: {},
    run: endAllSessions,
  },
  {
    name: "account enrol",
    operands: [],
    summary: "make keys for accounts that have none, before their first login",
    options: { rate: { value: "N", help: "how many in a minute (default: as many as go)" } },
    run: enrolAll,
  },
  {
    name: "account remove",
    operands: ["ADDRESS"],
    summary: "close an account: its keys are revoked now, it is deleted after 30 days",
    options: {
      "password-stdin": { help: "with the password its signatures stay valid" },
      erase: { help: "by law request: delete it now, its certificates too" },
      yes: { help: "needed with --erase: nothing brings it back" },
    },
    run: remove,
  },
  {
    name: "account reopen",
    operands: ["ADDRESS"],
    summary: "open a closed account again, within 30 days",
    options: {},
    run: reopen,
  },
];

async function alias(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, verb, given = ""] = call.operands;
  const isChange = verb === "add" || verb === "remove";
  if (verb !== undefined && (!isChange || given === "")) {
    throw new UsageError("say add ALIAS or remove ALIAS, or neither to see the aliases");
  }
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  if (verb !== undefined) {
    const other = addressIn(given);
    using masterKey = await masterKeyFor(parts, account, call);
    if (verb === "add") {
      requireOurs(parts, other.domain);
      await addAlias(parts, parts.keyRules, account.id, other, masterKey);
    } else await removeAlias(parts, account.id, other, masterKey);
  }
  const aliases = (await listAliases(parts.store, account.id)).map((one) =>
    formatAddress(one.address),
  );
  const text = formatAddress(account.address);
  return answer(call, { address: text, aliases }, [
    `${text}: ${aliases.length === 0 ? "no aliases" : aliases.join(", ")}`,
    ...(await waitingLine(parts, account, verb === "add" ? addressIn(given) : undefined)),
  ]);
}

/** What is not published for a new alias yet, and what makes it. */
async function waitingLine(
  { store }: Parts,
  { custody }: Account,
  address: EmailAddress | undefined,
): Promise<readonly string[]> {
  if (address === undefined || custody === "user-device-only") return [];
  return (await hasActiveKey(store, address))
    ? []
    : [`${formatAddress(address)} has no certificate yet: its owner's next login makes one`];
}

async function rename(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const to = addressIn(call.operands[1] ?? "");
  await using parts = await openFor(call);
  requireOurs(parts, to.domain);
  const account = await accountOf(parts, address);
  using masterKey = await masterKeyIfHere(parts, account, call);
  await renameAccount(parts, parts.keyRules, account.id, to, masterKey);
  const [old, name] = [formatAddress(account.address), formatAddress(to)];
  return answer(call, { address: name, alias: old }, [
    `${old} is ${name} now, and ${old} an alias of it`,
    ...(await waitingLine(parts, account, to)),
  ]);
}

/** The master key as `masterKeyFor`. Of an account without a key here the password is verified alone. */
async function masterKeyIfHere(
  parts: Parts,
  account: Account,
  call: Call,
): Promise<MasterKey | undefined> {
  using password = await passwordIfGiven(call);
  if (password === undefined || (await hasKeysHere(parts.store, account.id))) {
    return await masterKeyIfOpen(parts, account, password);
  }
  if ((await verifyPassword(parts, account.id, password)) !== undefined) return undefined;
  throw wrongPassword(account);
}

async function enrolAll(call: Call): Promise<ExitCode> {
  const rate = call.option("rate");
  const perMinute = rate === undefined ? 1000 : Number(rate);
  if (rate !== undefined && !/^0*[1-9]\d{0,5}$/.test(rate)) {
    throw new UsageError(
      `--rate ${JSON.stringify(rate)} is not a whole number from 1 to 999999: how many accounts get keys in a minute`,
    );
  }
  await using parts = await openFor(call);
  let enrolled = 0;
  for (;;) {
    const start = performance.now();
    const made = await backfill(parts, parts.keyRules, perMinute);
    enrolled += made;
    if (made < perMinute) break;
    const restMs = rate === undefined ? 0 : MINUTE - (performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, Math.max(restMs, 0)));
  }
  return answer(call, { enrolled }, [
    `made keys for ${enrolled} accounts; until each first login Sealpost can use them by itself`,
  ]);
}

async function remove(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const isErasure = call.has("erase");
  if (isErasure && !call.has("yes")) {
    throw new UsageError("--erase deletes mail, keys and certificates for good: add --yes");
  }
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  const text = formatAddress(account.address);
  if (isErasure) {
    await eraseByLaw(parts, account.id);
    return answer(call, { address: text, state: "erased" }, [`erased ${text}`]);
  }
  using masterKey = await masterKeyFor(parts, account, call);
  const hasKey = await hasActiveKey(parts.store, account.address);
  await closeAccount(parts, account.id, masterKey);
  return answer(call, { address: text, state: "closed" }, [
    `closed ${text}: ${hasKey ? "its keys have ended" : "it had no active key"}, ` +
      "and what is kept of it is deleted in 30 days (before: sealpost account reopen)",
  ]);
}

async function endAllSessions(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  await endSessions(parts, account.id);
  const text = formatAddress(account.address);
  return answer(call, { address: text, ended: true }, [`ended all sessions of ${text}`]);
}

async function reopen(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  const text = formatAddress(account.address);
  if (account.closedAt === undefined) throw notFound(`${text} is not closed`);
  await reopenAccount(parts, account.id);
  return answer(call, { address: text, state: "open" }, [
    `${text} is open again; its keys stay revoked. New ones: sealpost key rotate ${text} --password-stdin`,
  ]);
}
