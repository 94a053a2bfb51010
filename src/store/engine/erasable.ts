import type { Schema } from "./schema.ts";

/** Tables from which rows of a person are deleted. */
export const ERASABLE: readonly (keyof Schema)[] = [
  "accounts",
  "addresses",
  "author_answers",
  "author_keys",
  "cached_certificates",
  "generic_revocations",
  "jobs",
  "mailbox_certificates",
  "mailbox_use",
  "master_keys",
  "message_pieces",
  "messages",
  "outbox",
  "outbox_pieces",
  "published_certificates",
  "secret_keys",
  "slots",
  "trace",
  "trace_names",
  "unusable_answers",
];
