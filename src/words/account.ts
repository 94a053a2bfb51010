/** What an account is, in the words that the store and the features share. */
import { randomBytes } from "node:crypto";

import type { Brand } from "../base/brand.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { DigestWish } from "./digest.ts";
import type { Language } from "./language.ts";

/** The random name of an account. It stays when the account's addresses change, and tells nothing about its user. */
export type AccountId = Brand<string, "AccountId">;

const ID_BYTES = 16;

/** A name for a new account: 32 hex digits, 128 random bits. */
export function newAccountId(): AccountId {
  return randomBytes(ID_BYTES).toString("hex") as AccountId;
}

/**
 * Who can use a user's secret key, as somebody asked for: the provider at any time, the provider while the user is logged in,
 * or the user alone.
 */
export type LastingCustody = "provider-usable" | "unlocks-at-login" | "user-device-only";

/**
 * Who can use a user's secret key now. `provisional` is for keys that were made without a password: the provider can use
 * them until the first login, which replaces them and makes the custody `unlocks-at-login`.
 */
export type Custody = LastingCustody | "provisional";

/** What happens to a recipient for whom there is no certificate (docs/use/states.md). */
export type Policy = "require" | "prefer-pickup" | "prefer-clear" | "off";

/** Which key pair protects the mailbox at rest: the one that others seal to, or one of its own. */
export type MailboxKey = "same" | "separate";

/** All words of `Custody`. */
export const CUSTODIES: readonly Custody[] = [
  "provider-usable",
  "unlocks-at-login",
  "user-device-only",
  "provisional",
];

/** Whether the provider can open the keys while their user is away. */
export const OPENS_WITHOUT_USER: Readonly<Record<Custody, boolean>> = {
  "provider-usable": true,
  "unlocks-at-login": false,
  "user-device-only": false,
  provisional: true,
};

/** The custody of an account once its user has a password. */
export function lastingCustody(custody: Custody): LastingCustody {
  return custody === "provisional" ? "unlocks-at-login" : custody;
}

/** All words of `MailboxKey`. */
export const MAILBOX_KEYS: readonly MailboxKey[] = ["same", "separate"];

/** All words of `Policy`. */
export const POLICIES: readonly Policy[] = ["require", "prefer-pickup", "prefer-clear", "off"];

/** Somebody who may log in. `address` is the primary one, `policy` the user's own wish, if they have one. */
export type Account = {
  readonly id: AccountId;
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy: Policy | undefined;
  /** In which we write to the user; the installation's where it is absent. */
  readonly language?: Language;
  /** What the user said about their digest. */
  readonly digest?: DigestWish;
  readonly createdAt: Date;
  /** When the account was closed. Its keys and mail are deleted some time later. */
  readonly closedAt?: Date;
  readonly mailboxKey: MailboxKey;
  /** Until when the provider could use the keys without the user; the custody is stricter since. */
  readonly providerUntil?: Date;
};

/**
 * What an address is to its account: its name at login, one more address, or one that the account released. An address
 * of an erased account is reserved: its row names neither the address nor an account (`store/accounts/reserved-addresses.ts`).
 */
export type AddressState = "primary" | "alias" | "released";
