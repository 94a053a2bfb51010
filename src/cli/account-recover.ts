/** Commands about passwords, and the ways back to the keys when one is forgotten. */
import type { Secret } from "../base/secret.ts";
import { reclaimFormerKeys, reclaimRemembered } from "../keys/parked-keys.ts";
import { removeRecoveryCode, renewRecoveryCode } from "../keys/password.ts";
import { text } from "../locales/locales.ts";
import {
  recoverWithCode,
  recoverWithEscrow,
  replacePassword,
  resetPassword,
  type Recovery,
  type Reset,
} from "../login/recover.ts";
import { formatAddress } from "../mail/address.ts";
import { openWithRecoveryCode } from "../vault/master-key.ts";
import { readRecoveryCode } from "../vault/recovery-code.ts";
import type { Account } from "../words/account.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { masterKeyBy, requireServiceKeyOf } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { refused } from "./refusals.ts";
import { readPassword, readSecrets, requireStdin, SECRETS_ON_STDIN } from "./secret-input.ts";

export const accountRecoverCommands: readonly Command[] = [
  {
    name: "account passwd",
    operands: ["ADDRESS"],
    summary: "change a password that is known; on stdin: the old one, the new one",
    options: SECRETS_ON_STDIN,
    run: passwd,
  },
  {
    name: "account reset",
    operands: ["ADDRESS"],
    summary: "set another password; keys that only the old one opens are revoked and made anew",
    options: SECRETS_ON_STDIN,
    run: reset,
  },
  {
    name: "account recover",
    operands: ["ADDRESS"],
    summary: "back to the keys by what is left; on stdin: see the options",
    options: {
      ...SECRETS_ON_STDIN,
      escrow: { help: "stdin: what the escrow message decrypted to, a new password" },
      former: {
        help: "after a reset: recover the old keys; stdin: current password, then old password or old recovery code; with --escrow what the former escrow message decrypted to",
      },
    },
    run: recover,
  },
  {
    name: "account recovery-code",
    operands: ["ADDRESS", "new|check|remove"],
    summary: "the recovery code; on stdin: the password, for check the code",
    options: SECRETS_ON_STDIN,
    run: recoveryCode,
  },
];

async function passwd(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  const [old, password] = await readSecrets(call, ["the old password", "the new password"]);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (old === undefined || password === undefined) throw new UsageError("two lines on stdin");
  const done = await replacePassword(vault, account.id, old, password);
  if (done.kind === "opens-no-key") await requireServiceKeyOf(vault, account.id);
  if (done.kind !== "replaced") throw refused(done, account.address);
  const named = formatAddress(account.address);
  return answer(call, { address: named, keys: "kept" }, [
    text("account.password-changed", { address: named }),
  ]);
}

async function reset(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  return recovered(call, account, await resetPassword(vault, account.id, password));
}

async function recover(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  if (call.has("former")) return recoverFormer(call);
  const isEscrow = call.has("escrow");
  const names = [isEscrow ? "what the escrow message decrypted to" : "the recovery code"];
  const [proof, password] = await readSecrets(call, [...names, "a new password"]);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (proof === undefined || password === undefined) throw new UsageError("two lines on stdin");
  const result = isEscrow
    ? await recoverWithEscrow(vault, account.id, proof, password)
    : await recoverWithCode(vault, account.id, codeIn(proof), password);
  return recovered(call, account, result);
}

async function recoverFormer(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const isEscrow = call.has("escrow");
  const proof = isEscrow
    ? "what the former escrow message decrypted to"
    : "the former password or recovery code";
  const [now, then] = await readSecrets(call, ["the current password", proof]);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  if (now === undefined || then === undefined) throw new UsageError("two lines on stdin");
  using masterKey = await masterKeyBy(vault, account, now);
  const done = isEscrow
    ? await reclaimFormerKeys(vault, masterKey, { kind: "escrow", decrypted: then })
    : await reclaimRemembered(vault, masterKey, then);
  if (done.kind !== "reclaimed") throw refused(done, account.address);
  const named = formatAddress(account.address);
  return answer(call, { address: named, keys: "reclaimed" }, [
    text("account.reclaimed", { address: named }),
  ]);
}

function recovered(call: Call, account: Account, result: Recovery | Reset): ExitCode {
  if (result.kind !== "recovered") throw refused(result, account.address);
  const { keys, recoveryCode = null } = result;
  const address = formatAddress(account.address);
  const what = {
    kept: text("account.password-set.kept"),
    new: text("account.password-set.new"),
    none: text(
      account.custody === "user-device-only"
        ? "account.password-set.device"
        : "account.password-set.none",
    ),
  };
  return answer(call, { address, keys, recoveryCode }, [
    text("account.password-set", { address, keys: what[keys] }),
    ...codeLines(result.recoveryCode),
  ]);
}

/** A recovery code as it is printed. */
export function codeLines(code: string | undefined): readonly string[] {
  return code === undefined
    ? []
    : [text("account.recovery-code", { code }), `  ${text("account.recovery-code.once")}`];
}

function codeIn(line: Secret): Secret {
  const read = readRecoveryCode(textOf(line));
  if (read.kind === "read") return read.secret;
  throw new UsageError(
    "this is no recovery code: it has nine groups of four; check it for a mistake",
  );
}

function textOf(secret: Secret): string {
  return Buffer.from(secret.reveal()).toString("utf8");
}

async function recoveryCode(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const [, verb = ""] = call.operands;
  const address = addressGiven(call);
  using secret = await readPassword(call);
  await using vault = await openFor(call);
  const account = await accountOf(vault, address);
  const named = formatAddress(account.address);
  if (verb === "check") {
    using opened = await openWithRecoveryCode(vault, account.id, codeIn(secret));
    if (opened === undefined) throw refused({ kind: "wrong-recovery-code" }, account.address);
    return answer(call, { address: named, isValid: true }, [
      text("account.recovery-code.valid", { address: named }),
    ]);
  }
  using masterKey = await masterKeyBy(vault, account, secret);
  if (verb === "new") {
    const made = await renewRecoveryCode(vault, masterKey);
    if (made.kind !== "made") throw refused(made, account.address);
    const code = made.recoveryCode;
    using _secret = code.secret;
    return answer(call, { address: named, recoveryCode: code.text }, codeLines(code.text));
  }
  if (verb !== "remove") throw new UsageError("say new, check or remove after the address");
  const done = await removeRecoveryCode(vault, masterKey);
  const isRemoved = done.kind === "removed";
  if (!isRemoved && done.kind !== "none") throw refused(done, account.address);
  return answer(call, { address: named, isRemoved }, [
    text(isRemoved ? "account.recovery-code.removed" : "account.recovery-code.none", {
      address: named,
    }),
  ]);
}
