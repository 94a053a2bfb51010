import { AppError } from "../base/errors.ts";
import type { EmailAddress } from "../mail/address.ts";
import { lockAccount } from "../store/accounts.ts";
import { listAliases } from "../store/aliases.ts";
import { findMasterKey } from "../store/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "./master-key.ts";

/** Somebody else changed the account's keys first: what was prepared no longer fits. */
export class Overtaken extends AppError {
  override readonly name = "Overtaken";

  constructor() {
    super("the keys of this account were changed at the same time; try again", { temporary: true });
  }
}

const TRIES = 5;

/**
 * One event in the life of an account's keys, all or nothing, and one at a time for each account.
 * @throws AppError when there is no such account.
 */
export async function changeKeys<T>(
  store: Store,
  owner: EmailAddress,
  work: (tx: Store) => Promise<T>,
): Promise<T> {
  return store.transaction(async (tx) => {
    if (!(await lockAccount(tx, owner))) {
      throw new AppError("there is no such account", { temporary: false });
    }
    return work(tx);
  });
}

/** Does the whole of it again when somebody else was first. @throws Overtaken when that goes on. */
export async function untilNotOvertaken<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt === TRIES) throw error;
    }
  }
}

/** @throws Overtaken when the master key is no longer the one in use. */
export async function requireCurrent(tx: Store, { id, owner }: MasterKey): Promise<void> {
  if ((await findMasterKey(tx, owner)) !== id) throw new Overtaken();
}

/** Every address of an account, its own first. */
export async function addressesOf(
  store: Store,
  owner: EmailAddress,
): Promise<readonly EmailAddress[]> {
  return [owner, ...(await listAliases(store, owner)).map(({ address }) => address)];
}
