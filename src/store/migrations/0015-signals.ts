import type { Migration } from "../migrate.ts";

/**
 * The SMTP transaction in which a message came, by the name that stands in its reply and in the log; and how long mail has
 * waited, for figures that are asked for every few seconds.
 */
export const signals: Migration = () => [
  "alter table trace add column transaction_id text not null default ''",
  "create index trace_transaction on trace (transaction_id) where transaction_id <> ''",
  "create index messages_waiting on messages (received_at) where state = 'pending'",
  "create index outbox_age on outbox (created_at)",
];
