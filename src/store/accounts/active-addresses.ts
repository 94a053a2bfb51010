import { sql } from "kysely";

import type { EmailAddress } from "../../mail/address.ts";
import { addressFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";

const PAGE_SIZE = 500;

/** The addresses of a domain that have an active certificate, in the order of their canonical form, page by page. */
export async function* activeAddresses(
  store: Store,
  domain: string,
  pageSize = PAGE_SIZE,
): AsyncGenerator<EmailAddress> {
  let last = "";
  for (;;) {
    const rows = await store.db
      .selectFrom("published_certificates")
      .select(["address", "mailbox"])
      .where("state", "=", sql.lit("active"))
      .where("domain", "=", domain)
      .where("address", ">", last)
      .orderBy("address")
      .limit(pageSize)
      .execute();
    yield* rows.map(({ mailbox }) => addressFrom(mailbox));
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageSize) return;
    last = end.address;
  }
}
