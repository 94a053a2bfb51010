import { lockAccount } from "../store/account-locks.ts";
import { listClearLogins, NO_LOGIN } from "../store/logins.ts";
import { generationNow, slotNames } from "./binding.ts";
import { raiseGeneration } from "./generation.ts";
import { FORMER_KDF, wrapVerifier } from "./login-verifier.ts";
import type { VaultDeps } from "./vault-deps.ts";

const BATCH = 200;

/**
 * Brings accounts from before generations up to date: their login hashes, which lay in clear, go under the service key, and
 * the audit log says which slots count. What was written back by hand is not taken for one of them.
 */
export async function upgradeAccounts(deps: VaultDeps): Promise<number> {
  let upgraded = 0;
  for (;;) {
    const found = await listClearLogins(deps.store, BATCH);
    let moved = 0;
    for (const { address: owner, salt, hash } of found) {
      const isRaised = await deps.store.transaction(async (tx) => {
        if (!(await lockAccount(tx, owner)) || (await generationNow(tx, owner)) > 0) return false;
        const of = { owner, generation: 1 };
        const login =
          hash.length === 0
            ? NO_LOGIN
            : wrapVerifier(deps.serviceKeys, of, { salt, kdf: FORMER_KDF }, hash);
        const added = (await slotNames(tx, owner)).map((id) => ({ id }));
        const change = { action: "account.bound", added, login, from: 0 };
        await raiseGeneration(deps, tx, { owner, at: deps.clock.now(), ...change });
        return true;
      });
      if (isRaised) moved += 1;
    }
    upgraded += moved;
    if (moved === 0) return upgraded;
  }
}
