/** The columns of an account that say which password is right, and the generation that they belong to. */
import type { Selectable } from "kysely";

import { equalBytes } from "../../base/bytes.ts";
import { systemClock } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import type { Schema } from "../engine/schema.ts";
import { appendToPublishedFile } from "../keys/published-file-of.ts";
import { passwordLine } from "../keys/published-file.ts";
import type { Store } from "../store.ts";

/**
 * What a password is compared with, wrapped under the service key that `serviceKey` names; `kdf` says how it is made with
 * `salt`. Without a `kdf` no password is right.
 */
export type LoginRow = {
  readonly salt: Uint8Array;
  readonly kdf: string;
  readonly verifier: Uint8Array;
  readonly serviceKey: string;
};

/** What is kept for somebody who has no password yet. */
export const NO_LOGIN: LoginRow = {
  salt: new Uint8Array(),
  kdf: "",
  verifier: new Uint8Array(),
  serviceKey: "",
};

/**
 * Puts an account at a generation, with its login. Another password is noted in the file beside the database, so that a
 * restore can name it as lost.
 */
export async function setLogin(
  store: Store,
  id: AccountId,
  generation: number,
  login: LoginRow,
): Promise<void> {
  const before = await store.db
    .selectFrom("accounts")
    .select("login_salt")
    .where("id", "=", id)
    .executeTakeFirst();
  // The salt is made with the password, and stays when the same login is wrapped again.
  const isOther = before !== undefined && !equalBytes(before.login_salt, login.salt);
  if (isOther) await appendToPublishedFile(store, passwordLine(id, systemClock.now()));
  await store.db
    .updateTable("accounts")
    .set({ generation, ...loginColumns(login) })
    .where("id", "=", id)
    .execute();
}

/** A login for the columns of its account. */
export function loginColumns({ salt, kdf, verifier, serviceKey }: LoginRow) {
  return {
    login_salt: salt,
    login_kdf: kdf,
    login_verifier: verifier,
    login_service_key: serviceKey,
  };
}

/** The login of a row. */
export function loginFrom(row: Selectable<Schema["accounts"]>): LoginRow {
  return {
    salt: row.login_salt,
    kdf: row.login_kdf,
    verifier: row.login_verifier,
    serviceKey: row.login_service_key,
  };
}
