/** Who has an account, and what is known of him; `embedded.ts` keeps accounts and passwords in our own database. */
export type { Account, Custody } from "../store/accounts.ts";
