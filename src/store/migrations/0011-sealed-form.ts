import type { Migration } from "../migrate.ts";

/**
 * Messages of form `sealed`: their column `body` begins with what is wrapped. No table changes; the name of this step keeps
 * programs that do not read the form from a database that has it.
 */
export const sealedForm: Migration = () => [];
