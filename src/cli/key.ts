import { createReadStream } from "node:fs";

import { shownCustody } from "../accounts/account-view.ts";
import { accountUsing } from "../accounts/accounts.ts";
import type { Vault } from "../app/open-vault.ts";
import { errorText } from "../base/errors.ts";
import { findKey, listKeys, type KeyView } from "../keys/key-list.ts";
import { publishRevocation, revokeKey } from "../keys/revoke.ts";
import { rotateKey, type RotationWish } from "../keys/rotate.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import type { RevokedPart } from "../openpgp/certificates/merge-revocations.ts";
import type { Account } from "../words/account.ts";
import { newKeys } from "./account-key.ts";
import { addressGiven, accountOf } from "./address-given.ts";
import { answer, type Call, type Command, type ExitCode, table, UsageError } from "./command.ts";
import { closedKeys, masterKeyFor } from "./master-key-given.ts";
import { openFor, openToRead } from "./open.ts";
import { refused } from "./refusals.ts";
import { readInput } from "./secret-input.ts";

const STDIN = {
  "password-stdin": {
    help: "read the account's password from stdin; not needed where Sealpost may use the keys",
  },
};

/** `key list`, `show`, `rotate`, `revoke`, `publish-revocation`. */
export const keyCommands: readonly Command[] = [
  {
    name: "key list",
    operands: ["ADDRESS"],
    summary: "every key that an account has or had, the newest first",
    options: {},
    run: list,
  },
  {
    name: "key show",
    operands: ["ADDRESS"],
    summary: "the key of an account: fingerprint, state, dates, custody",
    options: {},
    run: show,
  },
  {
    name: "key rotate",
    operands: ["ADDRESS"],
    summary: "a new key in place of the active one, which is revoked and still decrypts",
    options: {
      ...STDIN,
      reason: {
        value: "superseded|retired|compromised",
        help: "what the revocation says (default: superseded); compromised makes a new master key too, and always needs the password",
      },
    },
    run: rotate,
  },
  {
    name: "key revoke",
    operands: ["ADDRESS"],
    summary: "end the active key without a new one: nothing is found for the address any more",
    options: {
      ...STDIN,
      reason: {
        value: "superseded|retired|compromised",
        help: "what the revocation says (default: retired); without the password it has no reason",
      },
    },
    run: revoke,
  },
  {
    name: "key publish-revocation",
    operands: ["ADDRESS", "FILE"],
    summary: "publish a revocation that its user made (- reads it from stdin)",
    options: {},
    run: publishUploaded,
  },
];

/** The account of an address or alias, with that address. */
export async function keyOwner(
  vault: Vault,
  address: EmailAddress,
): Promise<{ readonly account: Account; readonly address: EmailAddress }> {
  const account = (await accountUsing(vault.store, address)) ?? (await accountOf(vault, address));
  return { account, address: sameAddress(account.address, address) ? account.address : address };
}

async function list(call: Call): Promise<ExitCode> {
  const given = addressGiven(call);
  await using vault = await openToRead(call);
  const { account } = await keyOwner(vault, given);
  const keys = await listKeys(vault, account.id);
  const views = keys.map((one) => ({ ...viewOf(one), custody: shownCustody(account) }));
  const rows = views.map((one) => [one.fingerprint, one.state, one.created, one.address]);
  return answer(call, views, table(rows));
}

async function show(call: Call): Promise<ExitCode> {
  const given = addressGiven(call);
  await using vault = await openToRead(call);
  const { account, address } = await keyOwner(vault, given);
  const shown = await findKey(vault, account.id, address);
  if (shown === undefined) throw refused({ kind: "no-key" }, address);
  const view = { ...viewOf(shown), custody: shownCustody(account) };
  return answer(call, view, [
    `fingerprint  ${view.fingerprint}`,
    `state        ${view.state}`,
    `created      ${view.created}`,
    `expires      ${view.expires ?? text("key.never-expires")}`,
    `custody      ${view.custody}`,
    `published    ${text(`key.published.${view.published ? "address" : view.isServed ? "fingerprint" : "no"}`)}`,
  ]);
}

function viewOf({ address, fingerprint, state, version, ...one }: KeyView) {
  return {
    address: formatAddress(address),
    fingerprint,
    state,
    created: one.createdAt.toISOString(),
    expires: one.expiresAt?.toISOString() ?? null,
    revoked: one.revokedAt?.toISOString() ?? null,
    published: one.isPublished,
    version,
    isServed: one.isServed,
  };
}

const REASONS = ["superseded", "retired", "compromised"] as const;

function reasonGiven(call: Call, otherwise: (typeof REASONS)[number]): (typeof REASONS)[number] {
  const given = call.option("reason") ?? otherwise;
  const reason = REASONS.find((one) => one === given);
  if (reason === undefined) throw new UsageError(`--reason is one of: ${REASONS.join(", ")}`);
  return reason;
}

async function rotate(call: Call): Promise<ExitCode> {
  const reason = reasonGiven(call, "superseded");
  if (reason === "compromised") {
    if (call.has("password-stdin")) return newKeys(call, "compromised");
    throw new UsageError(
      "a new master key needs the password: give it with --password-stdin, or set another one with sealpost account reset, which revokes and makes anew too",
    );
  }
  const given = addressGiven(call);
  await using vault = await openFor(call);
  const { account, address } = await keyOwner(vault, given);
  using masterKey = await masterKeyFor(vault, account, call);
  if (masterKey === undefined) throw await closedKeys(vault, account);
  const wish: RotationWish = { address, reason, text: "rotated" };
  const rotated = await rotateKey(vault, vault.keyRules, masterKey, wish);
  if (rotated.kind !== "rotated") throw refused(rotated, address);
  const { fingerprint } = rotated.certificate;
  const named = formatAddress(address);
  return answer(call, { address: named, fingerprint }, [
    text("key.rotated", { address: named, fingerprint }),
  ]);
}

async function revoke(call: Call): Promise<ExitCode> {
  const reason = reasonGiven(call, "retired");
  const given = addressGiven(call);
  await using vault = await openFor(call);
  const { account, address } = await keyOwner(vault, given);
  using masterKey = await masterKeyFor(vault, account, call);
  const wish = { owner: account.id, address, masterKey, reason, text: reason };
  const revoked = await revokeKey(vault, wish);
  if (revoked.kind !== "revoked") throw refused(revoked, address);
  const { fingerprint, by } = revoked;
  const how = {
    fresh: text("key.revoked.fresh", { reason }),
    generic: text("key.revoked.generic"),
    none: text("key.revoked.none"),
  };
  const named = formatAddress(address);
  return answer(call, { address: named, fingerprint, by }, [
    text("key.revoked", { fingerprint, address: named, how: how[by] }),
  ]);
}

async function publishUploaded(call: Call): Promise<ExitCode> {
  const given = addressGiven(call);
  const upload = await fileGiven(call, 1);
  await using vault = await openFor(call);
  const { account } = await keyOwner(vault, given);
  const result = await publishRevocation(vault, account.id, upload);
  if (result.kind === "known") {
    return answer(call, result, [
      text("key.revocation-known", { fingerprint: result.fingerprint }),
    ]);
  }
  if (result.kind !== "published") throw refused(result, account.address);
  const address = formatAddress(result.address);
  const { fingerprint, state } = result;
  return answer(call, { ...result, address }, [
    ...result.parts.map((part) =>
      text("key.revocation-published", { part: partText(part, fingerprint) }),
    ),
    state === "active"
      ? text("key.left", { address, fingerprint })
      : text("key.ended", { address, fingerprint, state }),
  ]);
}

function partText(part: RevokedPart, fingerprint: string): string {
  switch (part.kind) {
    case "key":
      return fingerprint;
    case "subkey":
      return text("key.part.subkey", { subkey: part.fingerprint, fingerprint });
    case "user-id":
      return text("key.part.user-id", { user: JSON.stringify(part.userId), fingerprint });
  }
}

const MAX_FILE_OCTETS = 1024 * 1024;

/** The bytes of a file that is an operand, or of stdin for `-`; at most 1 MiB. */
export async function fileGiven(call: Call, at: number): Promise<Uint8Array> {
  const name = call.operands[at] ?? "-";
  return name === "-" ? readInput(call, MAX_FILE_OCTETS) : fileNamed(name);
}

/** The bytes of a file; at most 1 MiB. @throws UsageError when it cannot be read. */
export async function fileNamed(name: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // A device may have no end.
    for await (const chunk of createReadStream(name)) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > MAX_FILE_OCTETS) throw new UsageError(`${name} is too large`);
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${name} cannot be read: ${errorText(cause)}`);
  }
  return Buffer.concat(chunks);
}
