import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** The certificate of a mailbox's own key pair. It is never published. */
export type MailboxCertificate = {
  readonly fingerprint: Fingerprint;
  readonly bytes: Uint8Array;
  readonly createdAt: Date;
};

/** Makes a certificate the one that an account's mail at rest is encrypted to, in place of the one before. */
export async function activateMailboxCertificate(
  store: Store,
  account: AccountId,
  certificate: MailboxCertificate,
): Promise<void> {
  await store.transaction(async (tx) => {
    await retireMailboxCertificate(tx, account);
    const { fingerprint, bytes, createdAt } = certificate;
    await tx.db
      .insertInto("mailbox_certificates")
      .values({
        fingerprint,
        account: account,
        state: "active",
        bytes,
        created_at: createdAt.getTime(),
      })
      .execute();
  });
}

/** From now on nothing is encrypted to it any more. */
export async function retireMailboxCertificate(store: Store, account: AccountId): Promise<void> {
  await store.db
    .updateTable("mailbox_certificates")
    .set({ state: "former" })
    .where("account", "=", account)
    .where("state", "=", sql.lit("active"))
    .execute();
}

/**
 * The octets of the certificate that an account's mail at rest is encrypted to: of its mailbox's own key pair, else the
 * active one of its address.
 */
export async function readAtRestCertificate(
  store: Store,
  account: AccountId,
  address: EmailAddress,
): Promise<Uint8Array | undefined> {
  const of = { account, address: canonicalAddress(address) };
  return (await selectAtRest(store, of).executeTakeFirst())?.bytes;
}

const selectAtRest = compiled(
  (db, { account, address }: { readonly account: string; readonly address: string }) =>
    db
      .selectFrom("mailbox_certificates")
      .select(["bytes", sql.lit(0).as("place")])
      .where("account", "=", account)
      .where("state", "=", sql.lit("active"))
      .unionAll(
        db
          .selectFrom("published_certificates")
          .select(["bytes", sql.lit(1).as("place")])
          .where("address", "=", address)
          .where("state", "=", sql.lit("active")),
      )
      .orderBy("place"),
);

export async function findMailboxCertificate(
  store: Store,
  account: AccountId,
): Promise<MailboxCertificate | undefined> {
  const row = await selectActive(store, { account }).executeTakeFirst();
  return row === undefined
    ? undefined
    : {
        fingerprint: row.fingerprint as Fingerprint,
        bytes: row.bytes,
        createdAt: fromUnixMs(row.created_at),
      };
}

const selectActive = compiled((db, { account }: { readonly account: string }) =>
  db
    .selectFrom("mailbox_certificates")
    .selectAll()
    .where("account", "=", account)
    .where("state", "=", sql.lit("active")),
);
