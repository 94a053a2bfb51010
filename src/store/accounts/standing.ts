/** What is asked about an account for each message that its user sends or that is opened for them, in one statement. */
import { sql } from "kysely";

import type { EmailAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { Account, AccountId } from "../../words/account.ts";
import { partOf, type Part } from "../../words/rollout.ts";
import { compiled } from "../engine/compiled.ts";
import { addressFrom, timeOrNone } from "../engine/row.ts";
import { SAYS_GENERATION } from "../journal/audit.ts";
import type { PublishedCertificate } from "../keys/certificates.ts";
import type { Store } from "../store.ts";
import { accountFrom } from "./accounts.ts";
import { SAID_COLUMNS, saidEntry, type SaidGeneration } from "./generations.ts";
import { membershipFrom, rolloutFrom } from "./rollout.ts";

/** An account and the addresses that it uses, its primary one first, of one moment. */
export type Standing = {
  readonly account: Account;
  /** Whether its user has rules for contacts. */
  readonly hasRules: boolean;
  /** By its row, and by the last audit entry that says one: whether that is genuine is for the caller to check. */
  readonly said: SaidGeneration;
  readonly addresses: readonly {
    readonly address: EmailAddress;
    /** The address's active certificate, expired or not: its primary key and its end. */
    readonly published: PublishedKey | undefined;
    /** What mail from it takes part in: each address has the step of its own domain. */
    readonly part: Part;
  }[];
};

type PublishedKey = Pick<PublishedCertificate, "fingerprint" | "expiresAt">;

/** Undefined when there is no such account. */
export async function readStanding(store: Store, id: AccountId): Promise<Standing | undefined> {
  const rows = await selectStanding(store, { id }).execute();
  const [primary] = rows;
  if (primary?.address_state !== "primary") return undefined;
  return {
    account: accountFrom(primary),
    hasRules: primary.has_rules === 1,
    said: { generation: primary.generation, entry: saidEntry(primary) },
    addresses: rows.map((row) => ({
      address: addressFrom(row.mailbox),
      published: publishedIn(row.fingerprint, row.expires_at),
      part: partOf(rolloutFrom(row.rollout, row.others), membershipFrom(row.membership)),
    })),
  };
}

const selectStanding = compiled((db, { id }: { readonly id: string }) =>
  db
    .selectFrom("accounts")
    .innerJoin("addresses", "addresses.account", "accounts.id")
    .leftJoin("published_certificates", (join) =>
      join
        .onRef("published_certificates.address", "=", "addresses.address")
        .on("published_certificates.state", "=", sql.lit("active")),
    )
    .leftJoin("domains", "domains.domain", "addresses.domain")
    .leftJoin("audit", (join) =>
      join.on("audit.seq", "=", (of) =>
        of
          .selectFrom("audit as said")
          .select((said) => said.fn.max("said.seq").as("seq"))
          .where("said.account", "=", id)
          .where("said.detail", "like", SAYS_GENERATION),
      ),
    )
    .leftJoin("audit_macs", "audit_macs.seq", "audit.seq")
    .selectAll("accounts")
    .select(SAID_COLUMNS)
    .select([
      "addresses.mailbox",
      "addresses.state as address_state",
      "domains.rollout",
      "domains.others",
      "published_certificates.fingerprint",
      "published_certificates.expires_at",
    ])
    .where("accounts.id", "=", id)
    .where("addresses.state", "in", ["primary", "alias"])
    .orderBy(sql`case addresses.state when 'primary' then 0 else 1 end`)
    .orderBy("addresses.address"),
);

/** Both are missing where nothing is published for the address. */
function publishedIn(
  fingerprint: string | null,
  expiresMs: number | null,
): PublishedKey | undefined {
  if (fingerprint === null) return undefined;
  const expiresAt = timeOrNone(expiresMs ?? 0);
  const key = { fingerprint: fingerprint as Fingerprint };
  return expiresAt === undefined ? key : { ...key, expiresAt };
}
