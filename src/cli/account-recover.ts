/** Commands about passwords, and the ways back to the keys when one is forgotten. */
import type { Secret } from "../base/secret.ts";
import { reclaimFormerKeys, reclaimRemembered } from "../keys/parked-keys.ts";
import { openWithRecoveryCode } from "../vault/master-key.ts";
import { removeRecoveryCode, renewRecoveryCode } from "../keys/password.ts";
import { readRecoveryCode } from "../vault/recovery-code.ts";
import {
  recoverWithCode,
  recoverWithEscrow,
  replacePassword,
  resetPassword,
  type Recovered,
} from "../login/recover.ts";
import { formatAddress } from "../mail/address.ts";
import { accountOf, addressGiven } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, notFound, UsageError } from "./command.ts";
import { masterKeyBy, OPENS_NONE } from "./master-key-given.ts";
import { openFor } from "./open.ts";
import { readPassword, readSecrets, requireStdin, SECRETS_ON_STDIN } from "./secret-input.ts";
import type { Account } from "../words/account.ts";

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
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  if (old === undefined || password === undefined) throw new UsageError("two lines on stdin");
  if (!(await replacePassword(parts, account.id, old, password))) {
    throw notFound(`${OPENS_NONE}; a forgotten one: sealpost account recover, or account reset`);
  }
  const text = formatAddress(account.address);
  return answer(call, { address: text, keys: "kept" }, [`changed the password of ${text}`]);
}

async function reset(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  using password = await readPassword(call);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  return recovered(call, account, await resetPassword(parts, account.id, password));
}

async function recover(call: Call): Promise<ExitCode> {
  requireStdin(call);
  const address = addressGiven(call);
  if (call.has("former")) return recoverFormer(call);
  const isEscrow = call.has("escrow");
  const names = [isEscrow ? "what the escrow message decrypted to" : "the recovery code"];
  const [proof, password] = await readSecrets(call, [...names, "a new password"]);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  if (proof === undefined || password === undefined) throw new UsageError("two lines on stdin");
  const result = isEscrow
    ? await recoverWithEscrow(parts, account.id, proof, password)
    : await recoverWithCode(parts, account.id, codeIn(proof), password);
  if (result === undefined) {
    throw notFound(
      isEscrow
        ? "this is not the escrow of this account's keys; if a reset parked those, add --former"
        : "this code opens no key",
    );
  }
  return recovered(call, account, result);
}

async function recoverFormer(call: Call): Promise<ExitCode> {
  const address = addressGiven(call);
  const isEscrow = call.has("escrow");
  const proof = isEscrow
    ? "what the former escrow message decrypted to"
    : "the former password or recovery code";
  const [now, then] = await readSecrets(call, ["the current password", proof]);
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  if (now === undefined || then === undefined) throw new UsageError("two lines on stdin");
  using masterKey = await masterKeyBy(parts, account, now);
  const isReclaimed = isEscrow
    ? await reclaimFormerKeys(parts, masterKey, { kind: "escrow", decrypted: then })
    : await reclaimRemembered(parts, masterKey, then);
  if (!isReclaimed) {
    throw notFound(
      isEscrow ? "this is not the escrow of a parked key" : "no parked key opens with it",
    );
  }
  const text = formatAddress(account.address);
  return answer(call, { address: text, keys: "reclaimed" }, [
    `old mail of ${text} opens again; the old keys stay revoked`,
  ]);
}

function recovered(call: Call, account: Account, result: Recovered): ExitCode {
  const address = formatAddress(account.address);
  const what = {
    kept: "its keys are as they were",
    new: "its keys could not be opened: they have ended, and there are new ones. Old mail opens when the old password is remembered, or by escrow: sealpost account recover --former",
    none:
      account.custody === "user-device-only"
        ? "its key is on a device of its owner, and stays what it is"
        : "it has no key here yet; the first login makes one",
  };
  return answer(call, { address, ...result, recoveryCode: result.recoveryCode ?? null }, [
    `set the password of ${address}; ${what[result.keys]}`,
    ...codeLines(result.recoveryCode),
  ]);
}

/** A recovery code as it is printed. */
export function codeLines(code: string | undefined): readonly string[] {
  return code === undefined
    ? []
    : [
        `recovery code ${code}`,
        "  shown this once: print it, it opens the keys without the password",
      ];
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
  await using parts = await openFor(call);
  const account = await accountOf(parts, address);
  const text = formatAddress(account.address);
  if (verb === "check") {
    using opened = await openWithRecoveryCode(parts, account.id, codeIn(secret));
    if (opened === undefined) throw notFound("this code opens no key of the account");
    return answer(call, { address: text, isValid: true }, [`the code opens the keys of ${text}`]);
  }
  using masterKey = await masterKeyBy(parts, account, secret);
  if (verb === "new") {
    const code = await renewRecoveryCode(parts, masterKey);
    using _secret = code.secret;
    return answer(call, { address: text, recoveryCode: code.text }, codeLines(code.text));
  }
  if (verb !== "remove") throw new UsageError("say new, check or remove after the address");
  const isRemoved = await removeRecoveryCode(parts, masterKey);
  return answer(call, { address: text, isRemoved }, [
    isRemoved ? `${text} has no recovery code any more` : `${text} had no recovery code`,
  ]);
}
