/** Commands about who else can open an account's keys, and which key its mailbox has: escrow, custody, mailbox key. */
import type { Parts } from "../app/parts.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { giveToProvider, keepHereFirst, takeBack, type TakingBack } from "../keys/custody.ts";
import { escrowMessages, type EscrowMessage } from "../keys/escrow.ts";
import { chooseMailboxKey } from "../keys/mailbox-key.ts";
import { formatAddress } from "../mail/address.ts";
import { findMasterKey } from "../store/vault.ts";
import { codeLines } from "./account-recover.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, notFound, UsageError } from "./command.ts";
import { masterKeyBy, requirePassword } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { readPassword, requireStdin, SECRETS_ON_STDIN } from "./secret-input.ts";
import type { Account, AccountId } from "../words/account.ts";

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
  await using parts = await openFor(call);
  const account = await accountOf(parts, given);
  const isFormer = call.has("former");
  const messages = await escrowMessages(parts, account.id, isFormer ? "former" : "current");
  if (messages.length === 0) {
    throw notFound(
      isFormer
        ? "no key that a reset parked has escrow"
        : "this account has no escrow (keys that a reset parked: --former)",
    );
  }
  const at = parts.clock.now();
  const detail = isFormer ? { former: messages.length } : {};
  await appendAudit(parts.store, { at, action: "escrow.shown", account: account.id, detail });
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
    former.map(({ since, message }) => `keys in use from ${since}:\n${message.trimEnd()}`),
  );
}

async function custody(call: Call): Promise<ExitCode> {
  const [, wanted = ""] = call.operands;
  if (wanted === "user") return newKeys(call, "custody");
  if (wanted !== "provider") throw new UsageError("say user or provider after the address");
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  using masterKey = await masterKeyBy(parts, account, password);
  if (account.custody !== "provider-usable") await giveToProvider(parts, masterKey);
  const text = formatAddress(account.address);
  return answer(call, { address: text, custody: "provider-usable" }, [
    `${text}: Sealpost can use the keys at any time from now on`,
  ]);
}

/** Ends what others could open, by new keys. */
export async function newKeys(call: Call, why: TakingBack["why"]): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  if (why === "escrow") await requireEscrow(parts, account.id);
  const made = await (why === "custody" && (await hasNoneHere(parts, account))
    ? firstKeys(parts, account, password)
    : replaced(parts, account, password, why));
  const { certificate, recoveryCode: code } = made;
  using _secret = code?.secret;
  const text = formatAddress(account.address);
  const fingerprint = certificate?.fingerprint ?? null;
  return answer(call, { address: text, fingerprint, recoveryCode: code?.text ?? null }, [
    fingerprint === null
      ? `what is kept here of ${text} is wrapped anew; the key on the user's device stays`
      : `${text} has new keys, ${fingerprint} is published; ${made.rest}`,
    ...codeLines(code?.text),
  ]);
}

async function replaced(parts: Parts, account: Account, password: Secret, why: TakingBack["why"]) {
  using masterKey = await masterKeyBy(parts, account, password);
  const made = await takeBack(parts, parts.keyRules, masterKey, {
    password,
    withRecoveryCode: parts.config.keys.recoveryCode,
    why,
    custody: why === "custody" ? "unlocks-at-login" : account.custody,
  });
  return { ...made, rest: "the old ones are revoked and still decrypt" };
}

async function hasNoneHere({ store }: Parts, { id, custody }: Account): Promise<boolean> {
  return custody === "user-device-only" && (await findMasterKey(store, id)) === undefined;
}

async function firstKeys(parts: Parts, account: Account, password: Secret) {
  await requirePassword(parts, account, password);
  const made = await keepHereFirst(parts, parts.keyRules, account.id, {
    password,
    withRecoveryCode: parts.config.keys.recoveryCode,
  });
  return {
    ...made,
    rest: "a key on the owner's device ended, and only that device decrypts what is for it",
  };
}

/** @throws AppError when there is none that may end, of the keys in use or of some that a reset parked. */
async function requireEscrow({ config, store }: Parts, owner: AccountId): Promise<void> {
  if (!config.escrow.usersMayDelete) {
    throw notFound("the organisation does not let users end their escrow");
  }
  const messages = await Promise.all(
    (["current", "former"] as const).map(async (state) => escrowMessages({ store }, owner, state)),
  );
  if (messages.flat().length === 0) {
    throw notFound("this account has no escrow; nothing is changed");
  }
}

async function mailboxKey(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const [, wanted = ""] = call.operands;
  if (wanted !== "same" && wanted !== "separate")
    throw new UsageError("say same or separate after the address");
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  using masterKey = await masterKeyBy(parts, account, password);
  await chooseMailboxKey(parts, parts.keyRules, masterKey, wanted);
  const text = formatAddress(account.address);
  return answer(call, { address: text, mailboxKey: wanted }, [
    `${text}: mail is stored under ${wanted === "same" ? "the published key" : "a key pair of its own"} from now on`,
  ]);
}
