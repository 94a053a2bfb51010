import { LAST_SHARD, SHARDS } from "../journal/audit-shards.ts";
import { columnsOf, type Columns } from "./columns.ts";
import type { Migration } from "./migration.ts";

/** The whole schema of the first release. `schema.ts` says what stands for an absent value. */
export const first: Migration = (engine) => {
  const columns = columnsOf(engine);
  return [
    ...accountTables(columns),
    ...keyTables(columns),
    ...publishedTables(columns),
    ...mailTables(columns),
    ...leftTables(columns),
    ...mailboxTables(columns),
    ...draftTables(columns),
    ...searchTables(columns),
    ...jobTables(columns),
    ...discoveryTables(columns),
    ...journalTables(columns),
    ...serviceTables(columns),
    ...(engine === "sqlite" ? SQLITE_GUARDS : POSTGRES_GUARDS),
  ];
};

/** An account has a random ID. Whatever belongs to it refers to that; its addresses are rows of their own. */
function accountTables({ table, bytes, integer, text, octetText }: Columns): readonly string[] {
  return [
    table(
      "accounts",
      `id text primary key not null, custody ${text}, policy ${text}, language ${text}, state text not null default 'open',
       mailbox_key text not null default 'same', has_keys ${integer}, has_rules ${integer}, membership ${text}, digest ${text}, provider_until ${integer}, generation ${integer},
       login_kdf ${text}, login_salt ${bytes}, login_verifier ${bytes}, login_service_key ${text}, created_at ${integer}, closed_at ${integer}`,
    ),
    table(
      "domains",
      `domain ${octetText}, rollout ${text}, others ${text}, changed_at ${integer}, primary key (domain)`,
    ),
    table(
      "contact_rules",
      `account text not null references accounts (id), contact ${text}, rule ${text}, since ${integer}, primary key (account, contact)`,
    ),
    "create index accounts_closed on accounts (closed_at, id) where state = 'closed'",
    `create index accounts_without_keys on accounts (created_at, id)
      where has_keys = 0 and state = 'open' and custody <> 'user-device-only'`,
    "create index accounts_service_key on accounts (login_service_key, id) where login_kdf <> ''",
    table(
      "addresses",
      `address ${octetText} primary key, domain ${octetText}, mailbox ${text},
       account text not null references accounts (id), state ${text}, since ${integer}`,
    ),
    "create unique index addresses_one_primary on addresses (account) where state = 'primary'",
    "create index addresses_account on addresses (account, address)",
    "create index addresses_domain on addresses (domain, address)",
    "create index addresses_released on addresses (since) where state = 'released'",
    table("reserved_addresses", `tag text primary key not null, reserved_at ${integer}`),
    "create index reserved_addresses_age on reserved_addresses (reserved_at)",
    table("attempts", `key text primary key not null, window_start ${integer}, count ${integer}`),
    "create index attempts_age on attempts (window_start)",
  ];
}

/** Nothing here is readable without a password or the service key. */
function keyTables({ table, bytes, integer, text }: Columns): readonly string[] {
  return [
    table(
      "master_keys",
      `id text primary key not null, owner text not null references accounts (id), state ${text}, created_at ${integer}`,
    ),
    "create unique index master_keys_current on master_keys (owner) where state = 'current'",
    "create index master_keys_owner on master_keys (owner)",
    table(
      "slots",
      `id text primary key not null, master_key text not null references master_keys (id), kind ${text},
       version ${integer}, kdf ${text}, salt ${bytes}, wrapped ${bytes}, service_key ${text}, generation ${integer},
       created_at ${integer}`,
    ),
    "create index slots_master_key on slots (master_key)",
    "create index slots_service_key on slots (kind, service_key, id)",
    table(
      "secret_keys",
      `fingerprint text primary key not null, master_key text not null references master_keys (id), address ${text},
       purpose text not null default 'sealing', version ${integer}, wrapped ${bytes}, created_at ${integer}`,
    ),
    "create index secret_keys_master_key on secret_keys (master_key)",
    table(
      "generic_revocations",
      `fingerprint text primary key not null, owner ${text}, version ${integer}, wrapped ${bytes}, service_key ${text},
       created_at ${integer}`,
    ),
    "create index generic_revocations_owner on generic_revocations (owner)",
    `create index generic_revocations_service_key on generic_revocations (service_key, fingerprint)
      where (service_key <> '' or length(wrapped) > 0)`,
    table(
      "mailbox_certificates",
      `fingerprint text primary key not null, account text not null references accounts (id), state ${text},
       bytes ${bytes}, created_at ${integer}`,
    ),
    "create unique index mailbox_one_active on mailbox_certificates (account) where state = 'active'",
    "create index mailbox_certificates_account on mailbox_certificates (account)",
  ];
}

/** What the world may read. The reference keeps a key without its generic revocation from ever being published. */
function publishedTables({ table, bytes, integer, text, octetText }: Columns): readonly string[] {
  return [
    table(
      "published_certificates",
      `fingerprint text primary key not null references generic_revocations (fingerprint),
       address ${octetText}, domain ${octetText}, mailbox ${text}, version ${integer}, state ${text}, bytes ${bytes}, wkd ${text}, created_at ${integer},
       expires_at ${integer}, revoked_at ${integer}, hidden ${integer}`,
    ),
    "create unique index published_one_active on published_certificates (address) where state = 'active'",
    "create index published_wkd on published_certificates (wkd) where state = 'active' and hidden = 0",
    "create index published_address on published_certificates (address, created_at)",
    "create index published_domain on published_certificates (domain, address) where state = 'active'",
    "create index published_rollout on published_certificates (domain, fingerprint)",
    "create index published_expiry on published_certificates (expires_at, fingerprint) where state = 'active'",
    table(
      "certificate_ids",
      `id text not null, fingerprint text not null references published_certificates (fingerprint),
       primary key (id, fingerprint)`,
    ),
    "create index certificate_ids_fingerprint on certificate_ids (fingerprint)",
    table("published_version", `id integer primary key not null, version ${integer}`),
    "insert into published_version (id) values (1)",
  ];
}

/** Large bodies are in pieces: a row names its pieces, and takes them with it when it goes. */
function mailTables({ table, bytes, integer, text, number }: Columns): readonly string[] {
  const pieces = (name: string, owner: string): string =>
    table(
      name,
      `owner text not null references ${owner} on delete cascade, name text not null, number ${number} not null,
       bytes ${bytes}, primary key (owner, name, number)`,
    );
  return [
    table(
      "blobs",
      `id text primary key not null, account text not null references accounts (id), key ${text}, size ${integer},
       place ${text}, pieces ${text}, bytes ${bytes}`,
    ),
    "create index blobs_account on blobs (account, id, key)",
    "create index blobs_elsewhere on blobs (id) where place <> 'database'",
    pieces("blob_pieces", "blobs"),
    table(
      "spool",
      `id text primary key not null, account text not null references accounts (id), form ${text},
       blob text not null references blobs (id), outer_from ${text}, message_id ${text}, envelope_id ${text},
       content_hash ${bytes}, size_bytes ${integer}, stored_bytes ${integer}, received_at ${integer}, verdict ${text},
       folder ${text}, flags ${integer}, summary ${bytes}`,
    ),
    "create unique index spool_once on spool (account, content_hash, envelope_id)",
    "create index spool_listed on spool (account, received_at, id)",
    "create index spool_answered on spool (account, message_id) where form = 'sealed'",
    "create index spool_oldest on spool (received_at)",
    "create index spool_blob on spool (blob)",
    table(
      "spool_use",
      `account text primary key not null references accounts (id), messages ${integer}, bytes ${integer}`,
    ),
    "create index spool_use_waiting on spool_use (account) where messages > 0",
    table(
      "outbox",
      `id text primary key not null, account text not null references accounts (id), sender ${text}, message_id ${text},
       envelope ${text}, service_key ${text}, pieces ${text}, wrapped ${bytes}, deferred ${text}`,
    ),
    "create index outbox_account on outbox (account)",
    "create index outbox_deferred on outbox (deferred) where deferred <> ''",
    table(
      "deferred",
      `id text primary key not null, account text not null references accounts (id), sender ${text}, message_id ${text},
       envelope ${text}, because ${text}, size_bytes ${integer}, noticed_at ${integer}`,
    ),
    "create index deferred_account on deferred (account)",
    "create index deferred_message on deferred (message_id, account)",
    "create index outbox_service_key on outbox (service_key, id)",
    pieces("outbox_pieces", "outbox"),
  ];
}

/** What is kept of mail that left, beside its copies. */
function leftTables({ table, integer, text }: Columns): readonly string[] {
  return [
    table(
      "protected_names",
      `account text not null references accounts (id), name text not null, at ${integer}, primary key (account, name)`,
    ),
    "create index protected_names_age on protected_names (at)",
    table(
      "clear_counts",
      `account text not null references accounts (id), day ${integer}, reason ${text}, messages ${integer},
       primary key (account, day, reason)`,
    ),
    "create index clear_counts_day on clear_counts (day, account)",
  ];
}

/** What readers keep. In clear stand sizes, times, flags and states, and nothing else. */
function mailboxTables({ table, bytes, integer, text, octetText }: Columns): readonly string[] {
  const account = "account text not null references accounts (id)";
  return [
    table(
      "mailboxes",
      `account text primary key not null references accounts (id), last_number ${integer}, last_change ${integer},
       expunged_change ${integer}, messages ${integer}, bytes ${integer}`,
    ),
    table(
      "folders",
      `id text primary key not null, ${account}, key ${text}, name ${bytes}, created_at ${integer}`,
    ),
    "create index folders_account on folders (account, created_at)",
    table(
      "folder_use",
      `${account}, folder text not null, messages ${integer}, unseen ${integer}, primary key (account, folder)`,
    ),
    table(
      "mailbox_messages",
      `id ${octetText}, ${account}, folder ${text}, number ${integer}, change ${integer}, flags ${integer},
       form ${text}, state ${text}, blob text not null references blobs (id), version ${text}, key ${text}, summary ${bytes}, once ${text}, name ${text},
       size_bytes ${integer}, stored_bytes ${integer}, received_at ${integer}, expunge_at ${integer},
       is_protected ${integer}, is_indexed ${integer}, news ${bytes}, has_news ${integer}, has_notice ${integer}, primary key (account, id)`,
    ),
    "create unique index mailbox_messages_number on mailbox_messages (account, number)",
    "create unique index mailbox_messages_once on mailbox_messages (account, once) where once <> ''",
    `create index mailbox_messages_listed on mailbox_messages
      (account, folder, expunge_at, received_at, number)`,
    "create index mailbox_messages_changed on mailbox_messages (account, change)",
    "create index mailbox_messages_to_fold on mailbox_messages (account, number) where key = ''",
    "create index mailbox_messages_news on mailbox_messages (account, number) where has_news = 1",
    // Its second column is always 1: SQLite prefers the index that more columns are compared in.
    `create index mailbox_messages_noticed on mailbox_messages
      (account, has_notice, expunge_at, received_at, number) where has_notice = 1`,
    `create index mailbox_messages_closed on mailbox_messages (account)
      where state in ('DAMAGED', 'UNDECRYPTABLE')`,
    "create index mailbox_messages_named on mailbox_messages (account, name) where name <> ''",
    "create index mailbox_messages_removed on mailbox_messages (expunge_at) where expunge_at > 0",
    "create index mailbox_messages_blob on mailbox_messages (blob)",
    `create index mailbox_messages_searched on mailbox_messages
      (account, expunge_at, received_at, number)`,
    "create index mailbox_messages_to_index on mailbox_messages (account, number) where is_indexed = 0",
  ];
}

/** What stands beside the text of a draft. Nothing tells what it is: the summary of the draft does. */
function draftTables({ table, octetText }: Columns): readonly string[] {
  return [
    table(
      "draft_attachments",
      `account text not null references accounts (id), message ${octetText}, blob text not null references blobs (id),
       primary key (account, message, blob),
       foreign key (account, message) references mailbox_messages (account, id)`,
    ),
    "create index draft_attachments_blob on draft_attachments (blob)",
  ];
}

/** The index of mailboxes. In clear stand numbers of messages, and how many there are. */
function searchTables({ table, bytes, integer, text, number }: Columns): readonly string[] {
  const account = "account text not null references accounts (id)";
  return [
    table(
      "search_segments",
      `id text primary key not null, ${account}, key ${text}, messages ${integer}, head ${bytes}`,
    ),
    "create index search_segments_account on search_segments (account)",
    table(
      "search_blocks",
      `segment text not null references search_segments (id) on delete cascade, number ${number} not null, bytes ${bytes},
       primary key (segment, number)`,
    ),
    table(
      "search_terms",
      `${account}, number ${integer}, written ${integer}, segment ${text}, key ${text}, terms ${bytes},
       primary key (account, number),
       foreign key (account, number) references mailbox_messages (account, number) on delete cascade`,
    ),
    "create index search_terms_segment on search_terms (account, segment, number)",
  ];
}

/** What is to be done later, or once however many processes run. `reason` says why it waits, where its kind does not. */
function jobTables({ table, integer, text }: Columns): readonly string[] {
  return [
    table(
      "jobs",
      `id text primary key not null, kind text not null, subject text not null, reason ${text}, account ${text},
       attempts ${integer}, due_at ${integer}, holder ${text}, created_at ${integer}`,
    ),
    "create unique index jobs_subject on jobs (kind, subject)",
    "create index jobs_due on jobs (kind, due_at)",
    "create index jobs_age on jobs (kind, created_at, subject)",
    "create index jobs_account on jobs (account)",
  ];
}

/** What was learnt of others: caches that age, and what must not be forgotten. */
function discoveryTables({ table, bytes, integer, text }: Columns): readonly string[] {
  return [
    table(
      "cached_certificates",
      `address text primary key not null, mailbox ${text}, certificate ${bytes}, keyserver ${text},
       fetched_at ${integer}, fresh_until ${integer}, ends_at ${integer}`,
    ),
    "create index cached_certificates_age on cached_certificates (fetched_at)",
    table("continuity", `domain text primary key not null, last_secure_at ${integer}`),
    table(
      "revocations_seen",
      `fingerprint text primary key not null, reason ${integer}, at ${integer}`,
    ),
    table(
      "author_keys",
      `author text not null, fingerprint text not null, domain ${text}, state ${text}, certificate ${bytes},
       fetched_at ${integer}, primary key (author, fingerprint)`,
    ),
    "create index author_keys_wanted on author_keys (domain, fetched_at, fingerprint) where state = 'wanted'",
    "create index author_keys_age on author_keys (fetched_at)",
    table(
      "author_answers",
      `author text primary key not null, code ${text}, certificates ${bytes}, asked_at ${integer}, valid_ms ${integer}`,
    ),
    "create index author_answers_age on author_answers (asked_at)",
    table(
      "unusable_answers",
      `address text primary key not null, reason ${text}, first_at ${integer}, last_at ${integer}`,
    ),
    "create index unusable_answers_age on unusable_answers (last_at)",
  ];
}

/** What was decided about mail, for some days, and what was done to keys and accounts, for ever. */
function journalTables({
  table,
  bytes,
  integer,
  text,
  number,
  counter,
}: Columns): readonly string[] {
  return [
    table(
      "trace",
      `id ${counter}, message_id ${text}, transaction_id ${text}, at ${integer}, direction ${text}, step ${text},
       detail ${text}, expires_at ${integer}, names text not null default '[]'`,
    ),
    "create index trace_message on trace (message_id, id)",
    "create index trace_transaction on trace (transaction_id) where transaction_id <> ''",
    "create index trace_expiry on trace (expires_at)",
    table(
      "trace_names",
      `name text not null, trace ${number} not null references trace (id) on delete cascade, primary key (name, trace)`,
    ),
    "create index trace_names_trace on trace_names (trace)",
    table(
      "audit",
      `seq ${number} primary key not null, shard ${integer}, place ${integer}, at ${integer}, action ${text},
       account ${text}, detail ${text}, previous ${bytes}, hash ${bytes}`,
    ),
    "create unique index audit_place on audit (shard, place)",
    "create index audit_account on audit (account, seq)",
    "create index audit_action on audit (action, at, seq)",
    table("audit_ends", `shard integer primary key not null, place ${integer}, hash ${bytes}`),
    `insert into audit_ends (shard) values ${SHARDS.map((shard) => `(${String(shard)})`).join(", ")}`,
    table("audit_macs", `seq ${number} primary key not null, service_key ${text}, mac ${bytes}`),
    "create index audit_macs_service_key on audit_macs (service_key, seq)",
  ];
}

/** What the processes of an installation know of each other and of their service key. */
function serviceTables({ table, bytes, integer, text, number }: Columns): readonly string[] {
  return [
    table("clock_seen", `id ${number} primary key not null, at ${integer}`),
    table(
      "service_key_users",
      `process text primary key not null, service_key ${text}, seen_at ${integer}`,
    ),
    table(
      "tag_key",
      `id ${number} primary key not null check (id = 1), service_key text not null, wrapped ${bytes}`,
    ),
  ];
}

/**
 * The names in a row of the trace are kept where an index finds them. The audit log only grows; its places begin at 1, and each
 * of its shards has one end, whoever writes to it.
 */
const SQLITE_GUARDS = [
  `create trigger trace_names_follow after insert on trace when new.names <> '[]'
    begin insert or ignore into trace_names (name, trace) select value, new.id from json_each(new.names); end`,
  ...["update", "delete"].map(
    (verb) => `create trigger audit_no_${verb} before ${verb} on audit
      begin select raise(abort, 'the audit log only grows'); end`,
  ),
  `create trigger audit_places_begin_at_one before insert on audit
    when new.seq < 1 or new.place < 1 or new.shard not between 0 and ${String(LAST_SHARD)}
    begin select raise(abort, 'the first place of the audit log is 1'); end`,
  ...["insert", "delete"].map(
    (verb) => `create trigger audit_one_end_${verb} before ${verb} on audit_ends
      begin select raise(abort, 'each shard of the audit log has one end'); end`,
  ),
  `create trigger audit_one_end_shard before update of shard on audit_ends when new.shard <> old.shard
    begin select raise(abort, 'each shard of the audit log has one end'); end`,
];

const POSTGRES_GUARDS = [
  `create function trace_names_follow() returns trigger language plpgsql as
    $$ begin
      insert into trace_names (name, trace)
        select distinct value, new.id from jsonb_array_elements_text(new.names::jsonb) as value;
      return null;
    end $$`,
  `create trigger trace_names_follow after insert on trace
    for each row when (new.names <> '[]') execute function trace_names_follow()`,
  // Numbers entries: a sequence keeps nobody waiting. A transaction that is rolled back leaves a gap.
  "create sequence audit_seq",
  `create function audit_only_grows() returns trigger language plpgsql as
    $$ begin raise exception 'the audit log only grows'; end $$`,
  `create trigger audit_no_change before update or delete on audit
    for each row execute function audit_only_grows()`,
  `alter table audit add constraint audit_places_begin_at_one
    check (seq >= 1 and place >= 1 and shard between 0 and ${String(LAST_SHARD)})`,
  `alter table audit_ends add constraint audit_one_end check (shard between 0 and ${String(LAST_SHARD)})`,
  `create function audit_keeps_its_ends() returns trigger language plpgsql as
    $$ begin raise exception 'each shard of the audit log has one end'; end $$`,
  `create trigger audit_one_end before delete on audit_ends
    for each row execute function audit_keeps_its_ends()`,
];
