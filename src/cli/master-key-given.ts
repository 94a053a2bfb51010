import type { Parts } from "../app/parts.ts";
import type { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { hasKeysHere, openByPassword, type KeyAccess } from "../vault/key-access.ts";
import { openWithService, type MasterKey } from "../vault/master-key.ts";
import { formatAddress } from "../mail/address.ts";
import { type Call, notFound } from "./command.ts";
import { passwordIfGiven } from "./secret-input.ts";
import type { Account } from "../words/account.ts";

/** What is said where a password is another one. */
export const OPENS_NONE = "this password opens no key of the account";

/** The master key that a password opens. @throws AppError when it opens none. */
export async function masterKeyBy(
  parts: Parts,
  account: Pick<Account, "id" | "address">,
  password: Secret,
): Promise<MasterKey> {
  const access = await openByPassword(parts, account.id, password);
  if (access.kind === "opened") return access.masterKey;
  throw opensNone(account, access.kind);
}

/** Why a password opens no key. */
export function opensNone(
  { address }: Pick<Account, "address">,
  kind: Exclude<KeyAccess["kind"], "opened">,
): AppError {
  return notFound(
    kind === "closed"
      ? OPENS_NONE
      : `${formatAddress(address)} has no key here, so no password opens one`,
  );
}

/** Why a password was refused that opens nothing and only has to be right. */
export function wrongPassword({ address }: Pick<Account, "address">): AppError {
  return notFound(
    `this is not the password of ${formatAddress(address)}; sealpost account reset sets one`,
  );
}

/** The master key, by the password if there is one, else if the provider may use it. */
export async function masterKeyIfOpen(
  parts: Parts,
  account: Pick<Account, "id" | "address">,
  password: Secret | undefined,
): Promise<MasterKey | undefined> {
  return password === undefined
    ? openWithService(parts, account.id)
    : masterKeyBy(parts, account, password);
}

/** As `masterKeyIfOpen`, by the password on stdin if it was given. */
export async function masterKeyFor(
  parts: Parts,
  account: Pick<Account, "id" | "address">,
  call: Call,
): Promise<MasterKey | undefined> {
  using password = await passwordIfGiven(call);
  return await masterKeyIfOpen(parts, account, password);
}

/** Why the keys of an account do not open without a password, and what to do. */
export async function closedKeys(
  { store }: Pick<Parts, "store">,
  { id, address, custody }: Pick<Account, "id" | "address" | "custody">,
): Promise<AppError> {
  const text = formatAddress(address);
  if (await hasKeysHere(store, id)) {
    return notFound(
      `the keys of ${text} open with the password only: give it with --password-stdin`,
    );
  }
  return notFound(
    custody === "user-device-only"
      ? `the key of ${text} is on its owner's device, none is kept here: sealpost account custody ${text} user makes one, key import --public brings his`
      : `${text} has no key here yet: its first login makes one, or sealpost account enrol`,
  );
}
