/** Rows of very many accounts, made by the database itself: for plans of queries, and for what grows with their number. */
import { sql } from "kysely";

import { DAY } from "../../src/base/time.ts";
import type { AccountId } from "../../src/words/account.ts";
import type { Engine, Store } from "../../src/store/store.ts";
import { bulkLoad } from "./bulk-load.ts";

/** Behind the places of accounts that the program made: these rows make no chain. */
const FIRST_PLACE = 1_000_000;

/** Which accounts have a mailbox, with sixteen messages: each fourth, so that the names of these do not collide. */
const MAILBOXES = "n % 4 = 0";

/** How many domains the accounts are spread over. */
const DOMAINS = 50;

/**
 * Adds accounts 1 to `accounts`. Each has its address, login, master key, slot, secret key, published certificate, audit
 * entry, three trace rows, two messages and two jobs. Each tenth has an alias; the first `waiting` have a message that
 * waits, and so many aliases are released. The octets of keys are no keys.
 */
export async function haveManyAccounts(
  store: Store,
  accounts: number,
  o: { readonly now: Date; readonly serviceKey: string; readonly waiting: number },
): Promise<void> {
  const rows = rowsOf(store.engine, o.now.getTime(), o.serviceKey, o.waiting);
  await bulkLoad(store, async ({ db }) => {
    const [last] = (await sql<{ seq: number }>`select max(seq) as seq from audit`.execute(db)).rows;
    const first = Number(last?.seq ?? 0);
    for (const [table, columns] of Object.entries(rows)) {
      await insertMany(store.engine, accounts, table, columns(first), db);
    }
    if (store.engine === "postgres") {
      await sql`select setval('audit_seq', ${first + accounts})`.execute(db);
    }
  });
  // PostgreSQL plans by these figures, which it gathers by itself a little later.
  if (store.engine === "postgres") await sql`analyze`.execute(store.db);
}

/** The ID of account `n` of these; the order of IDs is not that of the numbers. */
export function manyId(n: number): AccountId {
  const first = ((BigInt(n) * 2_654_435_761n) & 0xffff_ffffn).toString(16).padStart(8, "0");
  return `${first}${n.toString(16).padStart(24, "0")}` as AccountId;
}

/** The address of account `n`. */
export function manyAddress(n: number): string {
  return `user${String(n)}@d${String(n % DOMAINS)}.test`;
}

type Rows = Readonly<Record<string, string>> & { readonly per?: string; readonly where?: string };

async function insertMany(
  engine: Engine,
  accounts: number,
  table: string,
  { per = "1", where = "true", ...columns }: Rows,
  db: Store["db"],
): Promise<void> {
  const numbers = (name: string, last: string): string =>
    engine === "postgres"
      ? `generate_series(1::bigint, ${last}) as ${name}`
      : `(with recursive counted(${name}) as (select 1 union all select ${name} + 1 from counted where ${name} < ${last}) select ${name} from counted)`;
  // The alias of a set of one column names the column as well on PostgreSQL, which plans by the order of rows: it stays that
  // of their making. SQLite writes rows sooner in the order of their keys.
  await sql
    .raw(
      `insert into ${table} (${Object.keys(columns).join(", ")}) select ${Object.values(columns).join(", ")}
       from ${numbers("n", String(accounts))} cross join ${numbers("part", per)} where ${where} ${engine === "sqlite" ? "order by 1" : ""}`,
    )
    .execute(db);
}

/** Each column of each table as SQL of `n`, the number of the account, and of `part`. */
function rowsOf(
  engine: Engine,
  now: number,
  serviceKey: string,
  waiting: number,
): Readonly<Record<string, (firstSeq: number) => Rows>> {
  const is = engine === "postgres";
  const hex = (text: string, digits: number): string =>
    is
      ? `lpad(to_hex((${text})::bigint), ${String(digits)}, '0')`
      : `printf('%0${String(digits)}x', ${text})`;
  const octets = (count: number): string =>
    is ? `decode(repeat('5a', ${String(count)}), 'hex')` : `zeroblob(${String(count)})`;
  const text = (expression: string): string => `cast(${expression} as text)`;
  const id = `${hex("(n * 2654435761) & 4294967295", 8)} || ${hex("n", 24)}`;
  const idOfPart = `${hex("((n * 8 + part) * 2654435761) & 4294967295", 8)} || ${hex("n * 8 + part", 24)}`;
  const fingerprint = `upper(${hex("(n * 40503) & 65535", 4)} || ${hex("n", 36)})`;
  const domain = `'d' || ${text(`n % ${String(DOMAINS)}`)} || '.test'`;
  const address = `'user' || ${text("n")} || '@' || ${domain}`;
  const addressOrAlias = `'user' || ${text("n")} || case when part = 1 then '' else '-alias' end || '@' || ${domain}`;
  const key = `'${serviceKey}'`;
  const created = `${String(now - 100 * DAY)} - n`;
  return {
    accounts: () => ({
      id,
      custody: "case when n % 10 = 0 then 'provider-usable' else 'unlocks-at-login' end",
      has_keys: "1",
      generation: "1",
      login_kdf: "'argon2id'",
      login_salt: octets(16),
      login_verifier: octets(60),
      login_service_key: key,
      created_at: created,
    }),
    addresses: () => ({
      address: addressOrAlias,
      mailbox: addressOrAlias,
      domain,
      account: id,
      state: `case when part = 1 then 'primary' when n <= ${String(10 * waiting)} then 'released' else 'alias' end`,
      since: created,
      per: "2",
      where: "part = 1 or n % 10 = 0",
    }),
    master_keys: () => ({ id, owner: id, state: "'current'", created_at: created }),
    slots: () => ({
      id,
      master_key: id,
      kind: "case when n % 10 = 0 then 'service' else 'password' end",
      version: "1",
      kdf: "'argon2id'",
      salt: octets(16),
      wrapped: octets(60),
      service_key: key,
      generation: "1",
      created_at: created,
    }),
    secret_keys: () => ({
      fingerprint,
      master_key: id,
      address,
      version: "1",
      wrapped: octets(300),
      created_at: created,
    }),
    generic_revocations: () => ({
      fingerprint,
      owner: id,
      version: "1",
      wrapped: octets(200),
      service_key: key,
      created_at: created,
    }),
    published_certificates: () => ({
      fingerprint,
      address,
      domain,
      mailbox: address,
      version: "4",
      state: "'active'",
      bytes: octets(600),
      wkd: `${hex("n", 32)} || '@d' || ${text(`n % ${String(DOMAINS)}`)} || '.test'`,
      created_at: created,
      expires_at: `${String(now + 300 * DAY)} + n`,
    }),
    certificate_ids: () => ({
      id: `upper(${hex("(n * 40503) & 65535", 4)} || case part when 1 then ${hex("n", 36)} when 2 then ${hex("n", 12)} when 3 then 'F' || ${hex("n", 35)} else 'F' || ${hex("n", 11)} end)`,
      fingerprint,
      per: "4",
    }),
    mailboxes: () => ({
      account: id,
      last_number: "16",
      last_change: "16",
      messages: "16",
      bytes: "8960",
      where: MAILBOXES,
    }),
    folders: () => ({
      id,
      account: id,
      key: fingerprint,
      name: octets(40),
      created_at: created,
      where: MAILBOXES,
    }),
    folder_use: () => ({
      account: id,
      folder: "case part when 1 then 'inbox' else 'archive' end",
      messages: "8",
      per: "2",
      where: MAILBOXES,
    }),
    blobs: () => ({
      id: idOfPart,
      account: id,
      size: "500",
      place: "'database'",
      bytes: octets(500),
      per: "16",
      where: MAILBOXES,
    }),
    spool: () => ({
      id: idOfPart,
      account: id,
      form: "'sealed'",
      blob: idOfPart,
      outer_from: "'friend@elsewhere.test'",
      message_id: `'<' || ${idOfPart} || '@elsewhere.test>'`,
      content_hash: is ? `decode(${idOfPart}, 'hex')` : `cast(${idOfPart} as blob)`,
      size_bytes: "500",
      stored_bytes: "560",
      received_at: `${created} + part`,
      verdict: "'{}'",
      folder: "'inbox'",
      summary: octets(60),
      per: "2",
      where: `n <= ${String(waiting)} and ${MAILBOXES}`,
    }),
    spool_use: () => ({
      account: id,
      messages: `case when n <= ${String(waiting)} and ${MAILBOXES} then 2 else 0 end`,
      bytes: `case when n <= ${String(waiting)} and ${MAILBOXES} then 1120 else 0 end`,
    }),
    mailbox_messages: () => ({
      id: idOfPart,
      account: id,
      folder: "case when part <= 8 then 'inbox' else 'archive' end",
      number: "part",
      change: "part",
      flags: "part % 2",
      form: "'clear'",
      state: "'UNPROTECTED'",
      blob: idOfPart,
      key: `case when n <= ${String(waiting)} then '' else ${fingerprint} end`,
      summary: octets(60),
      once: idOfPart,
      name: idOfPart,
      size_bytes: "500",
      stored_bytes: "560",
      received_at: `${created} + part`,
      expunge_at: `case when n <= ${String(waiting)} and part = 2 then ${String(now)} else 0 end`,
      has_notice: "case when part = 3 then 1 else 0 end",
      is_indexed: `case when n <= ${String(waiting)} then 0 else 1 end`,
      per: "16",
      where: MAILBOXES,
    }),
    protected_names: () => ({
      account: id,
      name: idOfPart,
      at: `${created} + part`,
      per: "16",
    }),
    clear_counts: () => ({
      account: id,
      day: `${String(Math.floor(now / DAY))} - part % 2`,
      reason: "case when part <= 2 then '' else 'NOSVC' end",
      messages: "part",
      per: "4",
    }),
    draft_attachments: () => ({
      account: id,
      message: idOfPart,
      blob: idOfPart,
      per: "2",
      where: MAILBOXES,
    }),
    search_segments: () => ({
      id,
      account: id,
      key: fingerprint,
      messages: "8",
      head: octets(60),
      where: MAILBOXES,
    }),
    search_blocks: () => ({
      segment: id,
      number: "part",
      bytes: octets(500),
      per: "2",
      where: MAILBOXES,
    }),
    search_terms: () => ({
      account: id,
      number: "part",
      written: "part",
      segment: `case when part <= 8 then ${id} else '' end`,
      key: fingerprint,
      terms: octets(200),
      per: "16",
      where: `${MAILBOXES} and n > ${String(waiting)}`,
    }),
    trace: () => ({
      message_id: `'<' || ${id} || '@d1.test>'`,
      at: String(now - DAY),
      direction: "'out'",
      step: "'plan'",
      detail: `'{"sender":"' || ${address} || '"}'`,
      expires_at: `${String(now + DAY)} + n`,
      names: `'["' || ${address} || '"]'`,
      per: "3",
    }),
    audit: (first) => ({
      seq: `${String(first)} + n`,
      shard: "n % 64",
      place: `${String(FIRST_PLACE)} + n`,
      at: String(now - DAY),
      action: "'account.created'",
      account: id,
      detail: "'{\"generation\":1}'",
      previous: octets(32),
      hash: octets(32),
    }),
    audit_macs: (first) => ({ seq: `${String(first)} + n`, service_key: key, mac: octets(32) }),
    cached_certificates: () => ({
      address: `'friend-of-' || ${address}`,
      mailbox: `'friend-of-' || ${address}`,
      certificate: octets(600),
      keyserver: "'openpgpkey.elsewhere.test'",
      fetched_at: `${String(now - DAY)} - n`,
      fresh_until: `${String(now + DAY)}`,
    }),
    author_keys: () => ({
      author: `'friend-of-' || ${address}`,
      fingerprint,
      domain: "'elsewhere.test'",
      state: "'found'",
      certificate: octets(600),
      fetched_at: `${String(now - DAY)} - n`,
    }),
    author_answers: () => ({
      author: `'friend-of-' || ${address}`,
      code: "'OK'",
      certificates: octets(600),
      asked_at: `${String(now - DAY)} - n`,
      valid_ms: "1000",
    }),
    deferred: () => ({
      id: idOfPart,
      account: id,
      sender: address,
      message_id: `'<' || ${id} || '@elsewhere.test>'`,
      envelope: "'{}'",
      because: address,
      per: "3",
      where: "part = 3",
    }),
    jobs: () => ({
      id: idOfPart,
      kind: "case part when 1 then 'outbox' when 2 then 'opening' else 'deferred' end",
      subject: idOfPart,
      account: id,
      due_at: `${String(now + DAY)} + n`,
      created_at: created,
      per: "3",
    }),
    attempts: () => ({
      key: `'key' || ${id}`,
      window_start: `${String(now + DAY)} - n % 1000`,
      count: "1",
    }),
  };
}
