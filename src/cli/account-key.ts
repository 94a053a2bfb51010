/** Commands about who else can open an account's keys, and which key its mailbox has: escrow, custody, mailbox key. */
import { giveToProvider } from "../keys/custody.ts";
import { chooseMailboxKey } from "../keys/mailbox-key.ts";
import { makeNewKeys, type NewKeysWish } from "../keys/new-keys.ts";
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import { showEscrow, type EscrowMessage } from "../vault/escrow.ts";
import { codeLines } from "./account-recover.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { masterKeyBy } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";
import { readPassword, requireStdin, SECRETS_ON_STDIN } from "./secret-input.ts";

export const accountKeyCommands: readonly Command[] = [
  {
    name: "account escrow",
    operands: ["ADDRESS", "show|delete"],
    summary:
      "the message for the organisation's escrow key, or its end for good (stdin: the password)",
    options: {
      ...SECRETS_ON_STDIN,
      former: { help: "show: those of keys that a reset parked, the newest first" },
    },
    run: escrow,
  },
  {
    name: "account custody",
    operands: ["ADDRESS", "user|provider"],
    summary: "who can use the keys; stdin: the password. To `user` makes new keys",
    options: SECRETS_ON_STDIN,
    run: custody,
  },
  {
    name: "account mailbox-key",
    operands: ["ADDRESS", "same|separate"],
    summary: "the key pair that mail is stored under from now on; stdin: the password",
    options: SECRETS_ON_STDIN,
    run: mailboxKey,
  },
];

async function escrow(call: Call): Promise<ExitCode> {
  const [, verb = ""] = call.operands;
  const given = addressGiven(call);
  if (verb === "delete") return newKeys(call, "escrow");
  if (verb !== "show") throw new UsageError("say show or delete after the address");
  await using vault = await openFor(call);
  const account = await accountOf(vault, given);
  const isFormer = call.has("former");
  const messages = await showEscrow(vault, account.id, isFormer ? "former" : "current");
  if (messages.length === 0) {
    throw refused({ kind: isFormer ? "no-parked-escrow" : "no-escrow" }, account.address);
  }
  const address = formatAddress(account.address);
  return isFormer ? formerShown(call, address, messages) : shown(call, address, messages);
}

/** Nothing but the message: it goes into the organisation's own program. */
function shown(call: Call, address: string, [first]: readonly EscrowMessage[]): ExitCode {
  const message = first?.armor ?? "";
  return answer(call, { address, message }, [message.trimEnd()]);
}

/** A line before each message says which it is; programs that read armor pass it over. */
function formerShown(call: Call, address: string, messages: readonly EscrowMessage[]): ExitCode {
  const former = messages.map(({ since, armor }) => ({
    since: since.toISOString(),
    message: armor,
  }));
  return answer(
    call,
    { address, former },
    former.map(
      ({ since, message }) => `${text("account.escrow.since", { since })}\n${message.trimEnd()}`,
    ),
  );
}

async function custody(call: Call): Promise<ExitCode> {
  const [, wanted = ""] = call.operands;
  if (wanted === "user") return newKeys(call, "custody");
  if (wanted !== "provider") throw new UsageError("say user or provider after the address");
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  using masterKey = await masterKeyBy(vault, account, password);
  if (account.custody !== "provider-usable") {
    const given = await giveToProvider(vault, masterKey);
    if (given.kind !== "given") throw refused(given, account.address);
  }
  const named = formatAddress(account.address);
  return answer(call, { address: named, custody: "provider-usable" }, [
    text("account.given-to-provider", { address: named }),
  ]);
}

/** Ends what others could open, by new keys. */
export async function newKeys(call: Call, why: NewKeysWish["why"]): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  const made = await makeNewKeys(vault, vault.keyRules, {
    account,
    password,
    withRecoveryCode: vault.config.keys.recoveryCode,
    why,
    mayEndEscrow: vault.config.escrow.usersMayDelete,
  });
  if (made.kind !== "made") throw refused(made, account.address);
  const { certificate, recoveryCode: code } = made;
  using _secret = code?.secret;
  const named = formatAddress(account.address);
  const fingerprint = certificate?.fingerprint ?? null;
  return answer(call, { address: named, fingerprint, recoveryCode: code?.text ?? null }, [
    fingerprint === null
      ? text("account.rewrapped", { address: named })
      : text(made.isFirst ? "account.new-keys.first" : "account.new-keys.replaced", {
          address: named,
          fingerprint,
        }),
    ...codeLines(code?.text),
  ]);
}

async function mailboxKey(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const [, wanted = ""] = call.operands;
  if (wanted !== "same" && wanted !== "separate")
    throw new UsageError("say same or separate after the address");
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  using masterKey = await masterKeyBy(vault, account, password);
  const chosen = await chooseMailboxKey(vault, vault.keyRules, masterKey, wanted);
  if (chosen.kind !== "chosen") throw refused(chosen, account.address);
  const named = formatAddress(account.address);
  return answer(call, { address: named, mailboxKey: wanted }, [
    text(`account.stored-under.${wanted}`, { address: named }),
  ]);
}
