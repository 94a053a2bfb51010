import type { Migration } from "../migrate.ts";

/** The SMTP transaction in which a message came, by the name that stands in its reply and in the log. */
export const traceTransactions: Migration = () => [
  "alter table trace add column transaction_id text not null default ''",
  "create index trace_transaction on trace (transaction_id) where transaction_id <> ''",
];
