/** Commands about an account's beginning under other names, and its end. */
import { listAliases } from "../accounts/accounts.ts";
import type { Vault } from "../app/open-vault.ts";
import { MINUTE } from "../base/time.ts";
import { addAlias, removeAlias } from "../keys/alias.ts";
import { backfill } from "../keys/backfill.ts";
import { closeAccount, endSessions, eraseByLaw, reopenAccount } from "../keys/end-account.ts";
import { hasActiveKey } from "../keys/key-list.ts";
import { renameAccount } from "../keys/rename.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { verifyPassword } from "../vault/login-verifier.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { Account } from "../words/account.ts";
import { accountOf, addressGiven, addressIn, requireOurs } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { masterKeyFor, masterKeyIfOpen } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";

const STDIN = { "password-stdin": { help: "read the account's password from stdin" } };

export const accountLifeCommands: readonly Command[] = [
  {
    name: "account alias",
    operands: ["ADDRESS", "[add|remove]", "[ALIAS]"],
    summary: "other addresses of an account, each with a certificate of its own",
    options: STDIN,
    run: aliases,
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

async function aliases(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const [, verb, given = ""] = call.operands;
  const isChange = verb === "add" || verb === "remove";
  if (verb !== undefined && (!isChange || given === "")) {
    throw new UsageError("say add ALIAS or remove ALIAS, or neither to see the aliases");
  }
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (isChange) await changeAlias(call, vault, account, { verb, alias: addressIn(given) });
  const all = (await listAliases(vault.store, account.id)).map((one) => formatAddress(one.address));
  const named = formatAddress(account.address);
  return answer(call, { address: named, aliases: all }, [
    all.length === 0
      ? text("account.aliases.none", { address: named })
      : text("account.aliases", { address: named, aliases: all.join(", ") }),
    ...(await waitingLine(vault, account, verb === "add" ? addressIn(given) : undefined)),
  ]);
}

async function changeAlias(
  call: Call,
  vault: Vault,
  account: Account,
  { verb, alias }: { readonly verb: "add" | "remove"; readonly alias: EmailAddress },
): Promise<void> {
  using masterKey = await masterKeyFor(vault, account, call);
  if (verb === "add") requireOurs(vault, alias.domain);
  const done =
    verb === "add"
      ? await addAlias(vault, vault.keyRules, account.id, alias, masterKey)
      : await removeAlias(vault, account.id, alias, masterKey);
  const isDone = done.kind === "added" || done.kind === "released";
  if (!isDone) throw refused(done, account.address);
}

/** What is not published for a new alias yet, and what makes it. */
async function waitingLine(
  { store }: Vault,
  { custody }: Account,
  address: EmailAddress | undefined,
): Promise<readonly string[]> {
  if (address === undefined || custody === "user-device-only") return [];
  return (await hasActiveKey(store, address))
    ? []
    : [text("account.no-certificate-yet", { address: formatAddress(address) })];
}

async function rename(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const to = addressIn(call.operands[1] ?? "");
  await using vault = await openFor(call);
  requireOurs(vault, to.domain);
  const account = await accountOf(vault, address);
  using masterKey = await masterKeyIfHere(vault, account, call);
  const renamed = await renameAccount(vault, vault.keyRules, account.id, to, masterKey);
  if (renamed.kind !== "renamed") throw refused(renamed, account.address);
  const [old, name] = [formatAddress(account.address), formatAddress(to)];
  return answer(call, { address: name, alias: old }, [
    text("account.renamed", { old, address: name }),
    ...(await waitingLine(vault, account, to)),
  ]);
}

/** The master key as `masterKeyFor`. Of an account without a key here the password is verified alone. */
async function masterKeyIfHere(
  vault: Vault,
  account: Account,
  call: Call,
): Promise<MasterKey | undefined> {
  using password = await passwordIfGiven(call);
  if (password === undefined || (await hasKeysHere(vault.store, account.id))) {
    return await masterKeyIfOpen(vault, account, password);
  }
  if ((await verifyPassword(vault, account.id, password)) !== undefined) return undefined;
  throw refused({ kind: "wrong-password" }, account.address);
}

async function enrolAll(call: Call): Promise<ExitCode> {
  const rate = call.option("rate");
  const perMinute = rate === undefined ? 1000 : Number(rate);
  if (rate !== undefined && !/^0*[1-9]\d{0,5}$/.test(rate)) {
    throw new UsageError(
      `--rate ${JSON.stringify(rate)} is not a whole number from 1 to 999999: how many accounts get keys in a minute`,
    );
  }
  await using vault = await openFor(call);
  let enrolled = 0;
  for (;;) {
    const start = performance.now();
    const made = await backfill(vault, vault.keyRules, perMinute);
    enrolled += made;
    if (made < perMinute) break;
    const restMs = rate === undefined ? 0 : MINUTE - (performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, Math.max(restMs, 0)));
  }
  return answer(call, { enrolled }, [text("account.enrolled", { count: enrolled })]);
}

async function remove(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const isErasure = call.has("erase");
  if (isErasure && !call.has("yes")) {
    throw new UsageError("--erase deletes mail, keys and certificates for good: add --yes");
  }
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  const named = formatAddress(account.address);
  if (isErasure) {
    const erased = await eraseByLaw(vault, account.id);
    if (erased.kind !== "erased") throw refused(erased, account.address);
    return answer(call, { address: named, state: "erased" }, [
      text("account.erased", { address: named }),
    ]);
  }
  using masterKey = await masterKeyFor(vault, account, call);
  const hasKey = await hasActiveKey(vault.store, account.address);
  const closed = await closeAccount(vault, account.id, masterKey);
  if (closed.kind !== "closed") throw refused(closed, account.address);
  return answer(call, { address: named, state: "closed" }, [
    text(hasKey ? "account.closed.with-key" : "account.closed.without-key", { address: named }),
  ]);
}

async function endAllSessions(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  const ended = await endSessions(vault, account.id);
  if (ended.kind !== "ended") throw refused(ended, account.address);
  const named = formatAddress(account.address);
  return answer(call, { address: named, ended: true }, [
    text("account.sessions-ended", { address: named }),
  ]);
}

async function reopen(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  const named = formatAddress(account.address);
  const reopened = await reopenAccount(vault, account.id);
  if (reopened.kind !== "reopened") throw refused(reopened, account.address);
  return answer(call, { address: named, state: "open" }, [
    text("account.reopened", { address: named }),
  ]);
}
