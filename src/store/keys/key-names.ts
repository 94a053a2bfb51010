import { sql } from "kysely";

import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** Which secret keys are under a master key, and which one is the mailbox's own, if it has one. */
export type KeyNames = {
  readonly secret: readonly Fingerprint[];
  readonly mailbox: Fingerprint | undefined;
};

/** The names of an account's keys, of one moment; what is wrapped is not read. */
export async function listKeyNames(
  store: Store,
  account: AccountId,
  masterKey: string,
): Promise<KeyNames> {
  const rows = await selectNames(store, { account, masterKey }).execute();
  const named = (kind: string) =>
    rows.filter((row) => row.kind === kind).map(({ fingerprint }) => fingerprint as Fingerprint);
  return { secret: named("secret"), mailbox: named("mailbox")[0] };
}

const selectNames = compiled(
  (db, { account, masterKey }: { readonly account: string; readonly masterKey: string }) =>
    db
      .selectFrom("secret_keys")
      .select(["fingerprint", sql.lit("secret").as("kind")])
      .where("master_key", "=", masterKey)
      .unionAll(
        db
          .selectFrom("mailbox_certificates")
          .select(["fingerprint", sql.lit("mailbox").as("kind")])
          .where("account", "=", account)
          .where("state", "=", sql.lit("active")),
      ),
);
