import type { Migration } from "../migrate.ts";

/**
 * Addresses that were given up: whose they were, as a hash, because that account may take them again (empty where nobody
 * may), and a way from an account to all certificates that are its own.
 */
export const givenUp: Migration = () => [
  "alter table tombstones add column owner text not null default ''",
  "create index generic_revocations_owner on generic_revocations (owner)",
];
