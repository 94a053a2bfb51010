import type { Generated } from "kysely";

import type { JobKind } from "../../words/job.ts";

/**
 * The columns as both engines hold them. Times are milliseconds since 1970, flags and counts are integers. What is
 * absent is 0, "" or no bytes, never NULL: the file of a table turns that into `undefined`.
 */
export type Schema = {
  readonly accounts: AccountsTable;
  readonly addresses: AddressesTable;
  readonly attempts: AttemptsTable;
  readonly audit: AuditTable;
  readonly audit_ends: AuditEndsTable;
  readonly audit_macs: AuditMacsTable;
  readonly author_answers: AuthorAnswersTable;
  readonly author_keys: AuthorKeysTable;
  readonly blob_pieces: PiecesTable;
  readonly blobs: BlobsTable;
  readonly cached_certificates: CachedCertificatesTable;
  readonly certificate_ids: CertificateIdsTable;
  readonly clear_counts: ClearCountsTable;
  readonly clock_seen: ClockSeenTable;
  readonly contact_rules: ContactRulesTable;
  readonly continuity: ContinuityTable;
  readonly generic_revocations: GenericRevocationsTable;
  readonly deferred: DeferredTable;
  readonly domains: DomainsTable;
  readonly draft_attachments: DraftAttachmentsTable;
  readonly folder_use: FolderUseTable;
  readonly folders: FoldersTable;
  readonly jobs: JobsTable;
  readonly mailbox_certificates: MailboxCertificatesTable;
  readonly mailbox_messages: MailboxMessagesTable;
  readonly mailboxes: MailboxesTable;
  readonly master_keys: MasterKeysTable;
  readonly migrations: MigrationsTable;
  readonly outbox: OutboxTable;
  readonly outbox_pieces: PiecesTable;
  readonly protected_names: ProtectedNamesTable;
  readonly published_certificates: PublishedCertificatesTable;
  readonly published_version: PublishedVersionTable;
  readonly reserved_addresses: ReservedAddressesTable;
  readonly revocations_seen: RevocationsSeenTable;
  readonly search_blocks: SearchBlocksTable;
  readonly search_segments: SearchSegmentsTable;
  readonly search_terms: SearchTermsTable;
  readonly secret_keys: SecretKeysTable;
  readonly service_key_users: ServiceKeyUsersTable;
  readonly slots: SlotsTable;
  readonly spool: SpoolTable;
  readonly spool_use: SpoolUseTable;
  readonly tag_key: TagKeyTable;
  readonly trace: TraceTable;
  readonly trace_names: TraceNamesTable;
  readonly unusable_answers: UnusableAnswersTable;
};

type MigrationsTable = { name: string };

type AccountsTable = {
  id: string;
  custody: string;
  policy: string;
  language: Generated<string>;
  login_salt: Uint8Array;
  created_at: number;
  state: Generated<string>;
  closed_at: Generated<number>;
  mailbox_key: Generated<string>;
  has_keys: Generated<number>;
  has_rules: Generated<number>;
  membership: Generated<string>;
  digest: Generated<string>;
  provider_until: Generated<number>;
  generation: Generated<number>;
  login_kdf: Generated<string>;
  login_verifier: Generated<Uint8Array>;
  login_service_key: Generated<string>;
};

type AddressesTable = {
  address: string;
  domain: string;
  mailbox: string;
  account: string;
  state: string;
  since: number;
};

type AttemptsTable = { key: string; window_start: number; count: number };

type AuditTable = {
  seq: number;
  shard: Generated<number>;
  place: Generated<number>;
  at: number;
  action: string;
  account: string;
  detail: string;
  previous: Uint8Array;
  hash: Uint8Array;
};

type AuditEndsTable = {
  shard: number;
  place: number;
  hash: Uint8Array;
};

type AuditMacsTable = { seq: number; service_key: string; mac: Uint8Array };

type CachedCertificatesTable = {
  address: string;
  mailbox: string;
  certificate: Uint8Array;
  keyserver: string;
  fetched_at: number;
  fresh_until: number;
  ends_at: Generated<number>;
};

type UnusableAnswersTable = {
  address: string;
  reason: string;
  first_at: number;
  last_at: number;
};

type AuthorAnswersTable = {
  author: string;
  code: string;
  certificates: Uint8Array;
  asked_at: number;
  valid_ms: number;
};

type AuthorKeysTable = {
  author: string;
  fingerprint: string;
  domain: string;
  state: string;
  certificate: Uint8Array;
  fetched_at: number;
};

type ClockSeenTable = { id: number; at: number };

type RevocationsSeenTable = { fingerprint: string; reason: number; at: number };

type ContactRulesTable = { account: string; contact: string; rule: string; since: number };

type ContinuityTable = { domain: string; last_secure_at: number };

type JobsTable = {
  id: string;
  kind: JobKind;
  subject: string;
  reason: Generated<string>;
  account: Generated<string>;
  attempts: Generated<number>;
  due_at: number;
  holder: Generated<string>;
  created_at: number;
};

type DomainsTable = { domain: string; rollout: string; others: string; changed_at: number };

type DeferredTable = {
  id: string;
  account: string;
  sender: string;
  message_id: string;
  envelope: string;
  because: string;
  size_bytes: Generated<number>;
  noticed_at: Generated<number>;
};

type OutboxTable = {
  id: string;
  sender: string;
  message_id: string;
  envelope: string;
  wrapped: Uint8Array;
  service_key: Generated<string>;
  account: Generated<string>;
  pieces: Generated<string>;
  deferred: Generated<string>;
};

/** How many messages left in clear on a day (UTC, since 1970), and because of which state of a recipient; "": all of them. */
type ClearCountsTable = { account: string; day: number; reason: string; messages: number };

/** `name`: a tag of the Message-ID of a message that left encrypted. */
type ProtectedNamesTable = { account: string; name: string; at: number };

type PublishedCertificatesTable = {
  fingerprint: string;
  address: string;
  domain: string;
  mailbox: string;
  version: number;
  state: string;
  bytes: Uint8Array;
  created_at: number;
  expires_at: number;
  revoked_at: number;
  wkd: Generated<string>;
  hidden: Generated<number>;
};

type CertificateIdsTable = { id: string; fingerprint: string };

type PublishedVersionTable = { id: number; version: number };

/** What an account's rows of `spool` come to. */
type SpoolUseTable = { account: string; messages: number; bytes: number };

type MasterKeysTable = { id: string; owner: string; state: string; created_at: number };

type SlotsTable = {
  id: string;
  master_key: string;
  kind: string;
  version: number;
  kdf: string;
  salt: Uint8Array;
  wrapped: Uint8Array;
  created_at: number;
  service_key: Generated<string>;
  generation: Generated<number>;
};

type SecretKeysTable = {
  fingerprint: string;
  master_key: string;
  address: string;
  version: number;
  wrapped: Uint8Array;
  created_at: number;
  purpose: Generated<string>;
};

type MailboxCertificatesTable = {
  fingerprint: string;
  account: string;
  state: string;
  bytes: Uint8Array;
  created_at: number;
};

type ServiceKeyUsersTable = { process: string; service_key: string; seen_at: number };

type GenericRevocationsTable = {
  fingerprint: string;
  owner: string;
  version: number;
  wrapped: Uint8Array;
  created_at: number;
  service_key: Generated<string>;
};

type TagKeyTable = { id: number; service_key: string; wrapped: Uint8Array };

type ReservedAddressesTable = { tag: string; reserved_at: number };

/** `folder`, `flags`: the place that the message will have in the mailbox. */
type SpoolTable = {
  id: string;
  account: string;
  form: string;
  blob: string;
  summary: Uint8Array;
  outer_from: string;
  message_id: string;
  envelope_id: string;
  content_hash: Uint8Array;
  size_bytes: number;
  stored_bytes: number;
  received_at: number;
  verdict: string;
  folder: string;
  flags: number;
};

/**
 * Octets that are kept once, whoever refers to them; large ones are in pieces. `place`: where they are, "database" or "folder".
 * `key`: the key pair that they are known to be encrypted to; "" while nobody looked.
 */
type BlobsTable = {
  id: string;
  account: string;
  key: Generated<string>;
  size: number;
  place: string;
  pieces: string;
  bytes: Uint8Array;
};

/** What stands beside the text of a draft. The summary of the draft says what it is. */
type DraftAttachmentsTable = { account: string; message: string; blob: string };

/** The latest number and change of a mailbox, and what its messages come to. `expunged_change`: the latest that no row tells any more. */
type MailboxesTable = {
  account: string;
  last_number: Generated<number>;
  last_change: Generated<number>;
  expunged_change: Generated<number>;
  messages: Generated<number>;
  bytes: Generated<number>;
};

/** A user's own folder; its name is wrapped under the key of the mailbox. Standard folders have no row. */
type FoldersTable = {
  id: string;
  account: string;
  key: string;
  name: Uint8Array;
  created_at: number;
};

/** How many messages a folder shows, and how many of them were not seen. */
type FolderUseTable = { account: string; folder: string; messages: number; unseen: number };

/**
 * `key`: the key pair whose key the summary is wrapped under; "" when it is wrapped to the public key. `once`: a tag that
 * keeps a repeated delivery out, `name` one of the Message-ID. `expunge_at`: when a removed message is deleted; 0 when it is not removed.
 * `is_protected`: 1 when it came or left encrypted. `is_indexed`: 1 when it has a row of terms. `news`: what became of a sent
 * message later, wrapped to the public key, and not yet part of the summary; `has_news`: 1 when there is some. `has_notice`: 1 when its
 * sender is told that it left in clear.
 */
type MailboxMessagesTable = {
  id: string;
  account: string;
  folder: string;
  number: number;
  change: number;
  flags: number;
  form: string;
  state: string;
  blob: string;
  version: Generated<string>;
  key: string;
  summary: Uint8Array;
  once: string;
  name: string;
  size_bytes: number;
  stored_bytes: number;
  received_at: number;
  expunge_at: number;
  is_protected: number;
  is_indexed: Generated<number>;
  news: Generated<Uint8Array>;
  has_news: Generated<number>;
  has_notice: Generated<number>;
};

/** A part of a mailbox's index. `messages`: how many it was made of. */
type SearchSegmentsTable = {
  id: string;
  account: string;
  key: string;
  messages: number;
  head: Uint8Array;
};

type SearchBlocksTable = { segment: string; number: number; bytes: Uint8Array };

/** What the index knows a message by. `written`: the change after which; `segment`: "" while the message is in none. */
type SearchTermsTable = {
  account: string;
  number: number;
  written: number;
  segment: Generated<string>;
  key: string;
  terms: Uint8Array;
};

/** `owner` is the ID of a row, `name` what that row calls the set. */
type PiecesTable = { owner: string; name: string; number: number; bytes: Uint8Array };

type TraceTable = {
  id: Generated<number>;
  message_id: string;
  at: number;
  direction: string;
  step: string;
  detail: string;
  expires_at: number;
  transaction_id: Generated<string>;
  names: Generated<string>;
};

/** Which addresses a row of the trace names; a trigger writes it. */
type TraceNamesTable = { name: string; trace: number };
