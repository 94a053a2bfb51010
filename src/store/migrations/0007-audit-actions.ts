import type { Migration } from "../migrate.ts";

/** Finds entries of the audit log by what was done: the alarm on released revocations counts them at each one. */
export const auditActions: Migration = () => [
  "create index audit_action on audit (action, at, seq)",
];
