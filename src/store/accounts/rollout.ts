/** How far domains and their users take part, and what is hidden from the world because of it. */
import { sql } from "kysely";

import type { Domain } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import {
  MEMBERSHIPS,
  NO_ROLLOUT,
  OTHERS,
  ROLLOUTS,
  type DomainRollout,
  type Membership,
} from "../../words/rollout.ts";
import { compiled } from "../engine/compiled.ts";
import { holdName } from "../engine/named-lock.ts";
import { wordFrom } from "../engine/row.ts";
import { countChange } from "../keys/published-version.ts";
import type { Store } from "../store.ts";

/** What is set for a domain, or what holds where nothing is. */
export async function readRollout(store: Store, domain: Domain): Promise<DomainRollout> {
  const row = await selectRollout(store, { domain }).executeTakeFirst();
  return rolloutFrom(row?.rollout ?? null, row?.others ?? null);
}

/** The words of two columns; both are missing where nothing is set for a domain. */
export function rolloutFrom(rollout: string | null, others: string | null): DomainRollout {
  if (rollout === null || others === null) return NO_ROLLOUT;
  return { rollout: wordFrom(ROLLOUTS, rollout), others: wordFrom(OTHERS, others) };
}

const selectRollout = compiled((db, { domain }: { readonly domain: string }) =>
  db.selectFrom("domains").select(["rollout", "others"]).where("domain", "=", domain),
);

/**
 * Holds what a domain's step is, until the transaction ends: `shared` by whoever publishes or joins, `alone` by whoever
 * changes the step or follows it. Without it one of them would decide by what the other is about to change.
 */
export async function holdRollout(
  tx: Store,
  domain: string,
  how: "shared" | "alone",
): Promise<void> {
  await holdName(tx, `rollout ${domain}`, how);
}

/** Sets it. What is hidden follows with `hideOfDomain`. */
export async function upsertRollout(
  tx: Store,
  domain: Domain,
  { rollout, others }: DomainRollout,
  at: Date,
): Promise<void> {
  const values = { rollout, others, changed_at: at.getTime() };
  await holdRollout(tx, domain, "alone");
  await tx.db
    .insertInto("domains")
    .values({ domain, ...values })
    .onConflict((conflict) => conflict.column("domain").doUpdateSet(values))
    .execute();
}

/** The domains for which something is set. */
export async function listRollouts(store: Store): Promise<readonly Domain[]> {
  const rows = await store.db.selectFrom("domains").select("domain").execute();
  return rows.map(({ domain }) => domain as Domain);
}

/** What a user said themselves. */
export async function readMembership(
  store: Store,
  account: AccountId,
): Promise<Membership | undefined> {
  const row = await store.db
    .selectFrom("accounts")
    .select("membership")
    .where("id", "=", account)
    .executeTakeFirst();
  return row === undefined ? undefined : membershipFrom(row.membership);
}

/** The word of a column; "" for nothing said. */
export function membershipFrom(column: string): Membership | undefined {
  return column === "" ? undefined : wordFrom(MEMBERSHIPS, column);
}

/** Sets what a user said, and hides or shows their certificates; in a transaction that holds the account. */
export async function updateMembership(
  tx: Store,
  account: AccountId,
  membership: Membership | undefined,
): Promise<void> {
  const addresses = await tx.db
    .selectFrom("addresses")
    .select(["address", "domain"])
    .where("account", "=", account)
    .execute();
  const domains = new Set(addresses.map(({ domain }) => domain));
  for (const domain of [...domains].toSorted()) await holdRollout(tx, domain, "shared");
  await tx.db
    .updateTable("accounts")
    .set({ membership: membership ?? "" })
    .where("id", "=", account)
    .execute();
  const names = addresses.map(({ address }) => address);
  await tx.db
    .updateTable("published_certificates")
    .set({ hidden: HIDDEN })
    .where("address", "in", names)
    .execute();
  await countChange(tx);
}

/**
 * Hides or shows one certificate as its domain and its user take part, in the transaction that publishes it. Hidden
 * certificates are found by nobody outside.
 */
export async function hideAsRollout(tx: Store, fingerprint: Fingerprint): Promise<void> {
  await tx.db
    .updateTable("published_certificates")
    .set({ hidden: HIDDEN })
    .where("fingerprint", "=", fingerprint)
    .execute();
}

/** The same for a page of a domain's certificates behind a fingerprint. @returns the last one of the page, and how many changed. */
export async function hideOfDomain(
  tx: Store,
  domain: Domain,
  page: { readonly after: string; readonly limit: number },
): Promise<{ readonly last: string | undefined; readonly changed: number }> {
  await holdRollout(tx, domain, "alone");
  const rows = await tx.db
    .selectFrom("published_certificates")
    .select("fingerprint")
    .where("domain", "=", domain)
    .where("fingerprint", ">", page.after)
    .orderBy("fingerprint")
    .limit(page.limit)
    .execute();
  const last = rows.at(-1)?.fingerprint;
  if (last === undefined) return { last, changed: 0 };
  const updated = await tx.db
    .updateTable("published_certificates")
    .set({ hidden: HIDDEN })
    .where(
      "fingerprint",
      "in",
      rows.map(({ fingerprint }) => fingerprint),
    )
    .where("hidden", "<>", HIDDEN)
    .returning("fingerprint")
    .execute();
  const changed = updated.length;
  if (changed > 0) await countChange(tx);
  return { last, changed };
}

/** 1 where nobody may find a certificate: `partOf` says "none" (`words/rollout.ts`). */
const HIDDEN = sql<number>`coalesce((
  select case
    when d.rollout = 'off' then 1
    when d.rollout = 'opt-in' and d.others = 'off' and not exists (
      select 1 from addresses n join accounts a on a.id = n.account
      where n.address = published_certificates.address and a.membership = 'joined'
    ) then 1
    else 0 end
  from domains d where d.domain = published_certificates.domain), 0)`;
