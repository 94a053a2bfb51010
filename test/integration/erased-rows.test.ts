/** Walks the schema: every table that names an account is in a rename, in an erasure and in the page on retention. */
import { partKey } from "../../src/outgoing/queue-key.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { recordTrace } from "../../src/journal/trace.ts";
import { addAlias, removeAlias } from "../../src/keys/alias.ts";
import { eraseByLaw } from "../../src/keys/end-account.ts";
import { chooseMailboxKey } from "../../src/keys/mailbox-key.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { wrapCopy } from "../../src/vault/rewrap.ts";
import { canonicalAddress, type EmailAddress } from "../../src/mail/address.ts";
import { changeRule, parseContact } from "../../src/policy/contact-rules.ts";
import { haveDeferred } from "../support/have-deferred.ts";
import { haveWaiting } from "../support/spool.ts";
import { toKeep } from "../../src/outgoing/copy.ts";
import { keepForLater } from "../../src/outgoing/outbox.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { changeDraft } from "../../src/store/mailbox/drafts.ts";
import { countClear } from "../../src/store/mail/clear-counts.ts";
import { insertProtectedName } from "../../src/store/mail/protected-names.ts";
import { insertFolder } from "../../src/store/mailbox/folders.ts";
import { selectById } from "../../src/store/mailbox/listing.ts";
import { insertMailboxMessage } from "../../src/store/mailbox/messages.ts";
import { insertSegment } from "../../src/store/mailbox/search-segments.ts";
import {
  insertTerms,
  listTermPlaces,
  selectToIndex,
} from "../../src/store/mailbox/search-terms.ts";
import { beginOpening } from "../../src/store/spool/openings.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { mailboxRow, segmentOf, wrappedTerms } from "../support/store-calls/mailbox.ts";
import { engines } from "../support/engines.ts";
import { depsFor, old, type Deps } from "../support/key-life.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { renameAccount } from "../../src/keys/rename.ts";
import { came } from "../support/outcome.ts";

const RETENTION = readFileSync(
  join(import.meta.dirname, "../../docs/operate/retention.md"),
  "utf8",
);

const first = addressOf("Alice@alpha.test");
const second = addressOf("Alice.Reef@alpha.test");
const givenUp = addressOf("Alice.Given-Up@alpha.test");
const near = addressOf("malice@alpha.test");
/** One of the addresses, or the ID of the account. */
const mentions = new RegExp(`(?<![a-z])alice|${idOf(first)}`, "i");

/** Tables that name an account or an address of ours, by their words on the page on retention. */
const NAMING: Readonly<Record<string, RegExp>> = {
  accounts: /^\| accounts, addresses \|/m,
  addresses: /^\| accounts, addresses \|/m,
  audit: /^\| audit \|/m,
  author_answers: /^\| answers about authors \|/m,
  author_keys: /^\| keys of authors \|/m,
  blobs: /^\| mailbox \|/m,
  cached_certificates: /^\| cache of others' certificates \|/m,
  clear_counts: /^\| counts for the digest \|/m,
  contact_rules: /^\| contact rules \|/m,
  deferred: /^\| deferred mail \|/m,
  draft_attachments: /^\| drafts \|/m,
  folder_use: /^\| mailbox \|/m,
  folders: /^\| folders \|/m,
  generic_revocations: /^\| generic revocations \|/m,
  jobs: /^\| jobs \|/m,
  mailbox_certificates: /^\| mailbox certificates \|/m,
  mailbox_messages: /^\| mailbox \|/m,
  mailboxes: /^\| mailbox \|/m,
  master_keys: /^\| secret keys, master key slots \|/m,
  outbox: /^\| outbox \|/m,
  protected_names: /^\| names of sent mail \|/m,
  published_certificates: /^\| published certificates \|/m,
  search_segments: /^\| index of the mailbox \|/m,
  search_terms: /^\| index of the mailbox \|/m,
  secret_keys: /^\| secret keys, master key slots \|/m,
  spool: /^\| pending messages \|/m,
  spool_use: /^\| pending messages \|/m,
  trace: /^\| trace \|/m,
  trace_names: /^\| trace \|/m,
  unusable_answers: /^\| unusable certificates of others \|/m,
};

/** Tables that name nobody: hashes and tags, rows that hang on others by an ID, and what is about no account. */
const NAMELESS: readonly string[] = [
  "attempts",
  "audit_ends",
  "audit_macs",
  "blob_pieces",
  "certificate_ids",
  "clock_seen",
  "continuity",
  "domains",
  "migrations",
  "outbox_pieces",
  "published_version",
  "reserved_addresses",
  "revocations_seen",
  "search_blocks",
  "service_key_users",
  "slots",
  "tag_key",
];

async function tablesNaming(store: Store, what: RegExp): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name } of await store.db.introspection.getTables()) {
    const rows = await store.db
      .selectFrom(name as "slots")
      .selectAll()
      .execute();
    const texts = rows.flatMap((row) => Object.values(row) as unknown[]);
    if (texts.some((value) => typeof value === "string" && what.test(value))) found.push(name);
  }
  return found.toSorted();
}

/** What each table holds, as text. */
async function everyRow(store: Store): Promise<Readonly<Record<string, string>>> {
  const found: [string, string][] = [];
  for (const { name } of await store.db.introspection.getTables()) {
    const rows = await store.db
      .selectFrom(name as "slots")
      .selectAll()
      .execute();
    found.push([name, JSON.stringify(rows.map((row) => JSON.stringify(row)).toSorted())]);
  }
  return Object.fromEntries(found.toSorted(([one], [other]) => one.localeCompare(other)));
}

async function fill(deps: Deps): Promise<void> {
  const { store, clock, keyRules } = deps;
  const account = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
  await enrol(deps, { ...account, address: first });
  using masterKey = await openWithPassword(deps, idOf(first), old());
  assert(masterKey);
  await came(chooseMailboxKey(deps, keyRules, masterKey, "separate"), "chosen");
  await came(addAlias(deps, keyRules, idOf(first), givenUp, undefined), "added");
  await came(
    addAlias(deps, keyRules, idOf(first), addressOf("Alice.Two@alpha.test"), undefined),
    "added",
  );
  await write(deps, first);
  await write(deps, givenUp);
  await came(removeAlias(deps, idOf(first), givenUp, masterKey), "released");
  const now = clock.now();
  const id = await haveWaiting(store, {
    account: idOf(first),
    body: Buffer.from("sealed"),
    form: "sealed",
    verdict: locked(now),
    receivedAt: now,
    sizeBytes: 6,
    outerFrom: "bob@beta.test",
  });
  await insertMailboxMessage(store, idOf(first), mailboxRow("kept"));
  const kept = await selectById(store, idOf(first), ["kept"]);
  for (const row of kept) {
    const { blob: attached } = mailboxRow("attached");
    const change = { key: "k", summary: row.summary, sizeBytes: 1, attached, under: "k" };
    assert(await changeDraft(store, idOf(first), row, change));
  }
  const rule = {
    contact: parseContact("malice@alpha.test") ?? assert.fail(),
    rule: "never",
  } as const;
  await came(changeRule(deps, { ...rule, account: idOf(first), by: "operator" }), "changed");
  await insertProtectedName(store, idOf(first), "tag", now);
  await countClear(store, idOf(first), { day: 1, reasons: ["NOSVC"] });
  const rows = await selectToIndex(store, idOf(first), { after: 0, limit: 10 });
  const made = rows.map((row) => ({ row, ...wrappedTerms }));
  assert.equal(await insertTerms(store, idOf(first), made), 1);
  const segment = segmentOf("segment", await listTermPlaces(store, idOf(first), ""));
  assert.equal(await insertSegment(store, idOf(first), segment), true);
  const folder = { id: "own", key: "", name: new Uint8Array(), createdAt: now };
  await insertFolder(store, idOf(first), folder);
  assert.equal(await beginOpening(store, idOf(first), id, now), "begun");
}

/** What is written about one of their addresses, as they spell it. */
async function write({ store, clock, serviceKeys }: Deps, address: EmailAddress): Promise<void> {
  const at = clock.now();
  const text = `${address.local}@${address.domain}`;
  const direction = "out" as const;
  const entry = { messageId: `<${address.local.length}@x>`, at, direction, step: "plan" };
  await recordTrace(store, { ...entry, detail: { sender: text } });
  await recordTrace(store, { ...entry, messageId: "", detail: { sender: text } });
  await recordTrace(store, { ...entry, messageId: "", detail: { sender: "malice@alpha.test" } });
  const wrap = async (id: string, bytes: Uint8Array) => wrapCopy(serviceKeys, "outbox", id, bytes);
  const copy = { envelope: { from: address, recipients: [near] }, message: Buffer.from("x") };
  await keepForLater({ store, clock, wrap }, { account: idOf(first), address: first }, "<2@x>", [
    toKeep(copy),
  ]);
  await haveDeferred(
    { store, clock, parts: partKey(serviceKeys) },
    { account: idOf(first), sender: address, recipients: [near], messageId: "<3@x>" },
  );
  const name = canonicalAddress(address);
  const bytes = { certificate: new Uint8Array(), fetched_at: at.getTime() };
  await store.db
    .insertInto("cached_certificates")
    .values({ address: name, mailbox: text, keyserver: "", fresh_until: 0, ...bytes })
    .execute();
  const { certificate: certificates } = bytes;
  await store.db
    .insertInto("author_answers")
    .values({ author: name, code: "OK", certificates, asked_at: at.getTime(), valid_ms: 0 })
    .execute();
  await store.db
    .insertInto("unusable_answers")
    .values({ address: name, reason: "unparsable", first_at: 0, last_at: 0 })
    .execute();
  await store.db
    .insertInto("author_keys")
    .values({ author: name, fingerprint: "F", domain: "alpha.test", state: "active", ...bytes })
    .execute();
}

for (const { engine, open } of engines()) {
  test(`${engine}: every table that names an account loses its rows in an erasure, whatever it is called by then`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const names = (await store.db.introspection.getTables()).map(({ name }) => name).toSorted();
    assert.deepEqual(names, [...Object.keys(NAMING), ...NAMELESS].toSorted());
    await fill(deps);
    assert.deepEqual(await tablesNaming(store, mentions), Object.keys(NAMING).toSorted());
    await came(renameAccount(deps, deps.keyRules, idOf(first), second, undefined), "renamed");
    await came(eraseByLaw(deps, idOf(first)), "erased");
    assert.deepEqual(await tablesNaming(store, mentions), ["audit"]);
    assert.deepEqual(await tablesNaming(store, /(?<![a-z])alice/i), []);
    assert.deepEqual(await tablesNaming(store, /malice/), ["trace", "trace_names"]);
  });

  test(`${engine}: a rename changes the addresses of an account, and no row of what belongs to it`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await fill(deps);
    const before = await everyRow(store);
    await came(renameAccount(deps, deps.keyRules, idOf(first), second, undefined), "renamed");
    const now = await everyRow(store);
    const changed = Object.keys(before).filter((table) => before[table] !== now[table]);
    assert.deepEqual(changed, ["addresses", "audit", "audit_ends"]);
  });
}

test("the page on retention has a row for every table that names an account", () => {
  for (const [table, row] of Object.entries(NAMING)) assert.match(RETENTION, row, table);
});
