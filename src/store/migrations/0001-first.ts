import type { Migration } from "../migrate.ts";

/** Accounts, keys, the published view, the mailbox, the key cache, trace and audit. */
export const first: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null default x''" : "bytea not null default ''";
  const integer = engine === "sqlite" ? "integer not null default 0" : "bigint not null default 0";
  const text = "text not null default ''";
  const counter =
    engine === "sqlite"
      ? "integer primary key not null"
      : "bigint generated always as identity primary key not null";
  const strict = engine === "sqlite" ? "strict" : "";
  const table = (name: string, columns: string): string =>
    `create table ${name} (${columns}) ${strict}`;
  return [
    table(
      "accounts",
      `address text primary key not null, mailbox ${text}, custody ${text}, policy ${text}, login_salt ${bytes},
       login_hash ${bytes}, created_at ${integer}`,
    ),
    table("attempts", `key text primary key not null, window_start ${integer}, count ${integer}`),
    ...keyTables({ table, bytes, integer, text }),
    ...publishedTables({ table, bytes, integer, text }),
    table(
      "messages",
      `id text primary key not null, account ${text}, state ${text}, form ${text}, body ${bytes}, summary ${bytes},
       outer_from ${text}, message_id ${text}, envelope_id ${text}, content_hash ${bytes}, size_bytes ${integer},
       stored_bytes ${integer}, received_at ${integer}, result_state ${text}, verdict ${text}`,
    ),
    "create unique index messages_once on messages (account, content_hash, envelope_id)",
    "create index messages_use on messages (account, state, stored_bytes)",
    "create index messages_listed on messages (account, received_at, id)",
    table(
      "cached_certificates",
      `address text primary key not null, mailbox ${text}, certificate ${bytes}, keyserver ${text},
       fetched_at ${integer}, fresh_until ${integer}`,
    ),
    "create index cached_certificates_age on cached_certificates (fetched_at)",
    table("continuity", `domain text primary key not null, last_secure_at ${integer}`),
    table(
      "trace",
      `id ${counter}, message_id ${text}, at ${integer}, direction ${text}, step ${text}, detail ${text},
       expires_at ${integer}`,
    ),
    "create index trace_message on trace (message_id, id)",
    "create index trace_expiry on trace (expires_at)",
    table(
      "audit",
      `seq ${engine === "sqlite" ? "integer" : "bigint"} primary key not null, at ${integer}, action ${text},
       account ${text}, detail ${text}, previous ${bytes}, hash ${bytes}`,
    ),
    "create index audit_account on audit (account, seq)",
    table("audit_head", `id integer primary key not null, seq ${integer}, hash ${bytes}`),
    "insert into audit_head (id) values (1)",
  ];
};

type Columns = {
  readonly table: (name: string, columns: string) => string;
  readonly bytes: string;
  readonly integer: string;
  readonly text: string;
};

/** Nothing here is readable without a password or the service key. */
function keyTables({ table, bytes, integer, text }: Columns): readonly string[] {
  return [
    table(
      "master_keys",
      `id text primary key not null, owner ${text} references accounts (address), state ${text}, created_at ${integer}`,
    ),
    "create unique index master_keys_current on master_keys (owner) where state = 'current'",
    table(
      "slots",
      `id text primary key not null, master_key ${text} references master_keys (id), kind ${text}, version ${integer},
       kdf ${text}, salt ${bytes}, wrapped ${bytes}, created_at ${integer}`,
    ),
    "create index slots_master_key on slots (master_key)",
    table(
      "secret_keys",
      `fingerprint text primary key not null, master_key ${text} references master_keys (id), address ${text},
       version ${integer}, wrapped ${bytes}, created_at ${integer}`,
    ),
    "create index secret_keys_master_key on secret_keys (master_key)",
    table(
      "generic_revocations",
      `fingerprint text primary key not null, owner ${text}, version ${integer}, wrapped ${bytes}, created_at ${integer}`,
    ),
  ];
}

/** What the world may read. The reference keeps a key without its generic revocation from ever being published. */
function publishedTables({ table, bytes, integer, text }: Columns): readonly string[] {
  return [
    table(
      "published_certificates",
      `fingerprint text primary key not null references generic_revocations (fingerprint), address ${text},
       mailbox ${text}, version ${integer}, state ${text}, bytes ${bytes}, created_at ${integer}, expires_at ${integer},
       revoked_at ${integer}`,
    ),
    "create unique index published_one_active on published_certificates (address) where state = 'active'",
    table(
      "certificate_ids",
      `id ${text}, fingerprint ${text} references published_certificates (fingerprint), primary key (id, fingerprint)`,
    ),
    table("published_version", `id integer primary key not null, version ${integer}`),
    "insert into published_version (id) values (1)",
  ];
}
