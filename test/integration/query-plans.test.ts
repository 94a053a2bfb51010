/**
 * No query reads all rows of a table that grows with the accounts, or looks through many for a few. A line here says why
 * some may. Every function of `store/` is called on both engines, and every query that it runs is explained by its
 * engine.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { CompiledQuery } from "kysely";

import { LOOK_UPS } from "../../src/store/keys/published-view.ts";
import { engines, type TestEngine } from "../support/engines.ts";
import { haveManyAccounts } from "../support/many-rows.ts";
import { now } from "../support/published.ts";
import { referencesAndIndexes, wasteOf } from "../support/query-plans.ts";
import { openTestStore } from "../support/tag-keys.ts";
import {
  placesThatRunQueries,
  recording,
  type RecordedQuery,
} from "../support/recorded-queries.ts";
import {
  callAccounts,
  callAddresses,
  callAttempts,
  callErase,
  callReservations,
} from "../support/store-calls/accounts.ts";
import { callPublished, callVault } from "../support/store-calls/keys.ts";
import { callMailbox } from "../support/store-calls/mailbox.ts";
import { callDeferred, callMessages, callOutbox } from "../support/store-calls/mail.ts";
import { callDatabase, callJournal, callOthersKeys } from "../support/store-calls/others.ts";

/** Enough for PostgreSQL to tell a good index from a bad one. */
const ACCOUNTS = 2000;

/** Tables of one row, or of one for each process or release: reading all of them costs nothing. */
const SMALL = [
  "audit_head",
  "published_version",
  "clock_seen",
  "domains",
  "tag_key",
  "service_key_users",
  "migrations",
];

/** An account, an author or a message has few such rows. */
const FEW = "an index finds the few rows of one owner, which are looked through";
/** The index is of what waits or is due alone. */
const WAITING = "reads what waits, and nothing else";
/** Other indexes find the row as well: the primary key, or one that begins with the account. */
const SMALL_INDEX = "with as few rows as here PostgreSQL prefers an index that is small";
/** On request, after a change of keys; what is done already is passed over. */
const WHOLE = "a conversion goes through a whole mailbox, page by page";
/** Only when somebody runs the doctor. */
const DOCTOR = "the doctor goes through all mailboxes, page by page";
/** Once in the life of an installation, when the file beside the database is not there. */
const NEW_FILE = "the file beside the database is begun with all that is published";

/**
 * What may read more than it wants, and why: the file, the function, and the table by the name that it has in the query. The
 * engines need not agree.
 */
const ALLOWED: Readonly<Record<string, string>> = {
  "accounts/accounts.ts listAccountsWithoutKeys: accounts": WAITING,
  "accounts/accounts.ts walkAccounts: addresses": "a page of addresses, of which few are aliases",
  "accounts/addresses.ts forgetReleased: addresses": SMALL_INDEX,
  "accounts/addresses.ts listAddresses: addresses": FEW,
  "accounts/addresses.ts listAliases: addresses": FEW,
  "accounts/addresses.ts listReleased: addresses": SMALL_INDEX,
  "accounts/addresses.ts purgeReleased: addresses": WAITING,
  "accounts/addresses.ts releaseAlias: addresses": FEW,
  "accounts/standing.ts readStanding: addresses": FEW,
  "accounts/standing.ts readStanding: said": FEW,
  "journal/audit-actions.ts countActions: audit":
    "releases of revocations are rare, and are counted for a day",
  "journal/audit-ends.ts readAuditEnds: audit_ends": "one row for each shard",
  "journal/audit.ts hasAudit: audit": FEW,
  "journal/audit.ts lastInShard: audit": "the entries of this action stand together in their shard",
  "journal/audit.ts walkShard: audit_macs":
    "a page of so few rows is joined by reading all of them",
  "discovery/author-keys.ts listAuthorKeys: author_keys": FEW,
  "keys/certificates.ts hasPublished: published_certificates": "ends at the first row",
  "keys/certificates.ts listAllPublished: published_certificates": NEW_FILE,
  "journal/erase-trace.ts mentions: trace":
    "the index has no address with quotes: such an erasure reads all of the trace",
  "journal/erase-trace.ts indexedMentions: trace_names": "behind the last page there are few rows",
  "accounts/generations.ts lastGeneration: audit": FEW,
  "accounts/generations.ts readGeneration: said": FEW,
  "keys/mailbox-certificates.ts retireMailboxCertificate: mailbox_certificates": FEW,
  "spool/openings.ts openAgain: spool": FEW,
  "spool/spool-rows.ts findWaiting: spool": FEW,
  "spool/spool-rows.ts hasSealedWaiting: spool": FEW,
  "spool/spool-use.ts listSpoolUse: spool_use": WAITING,
  "spool/verdicts.ts keepServedKeys: spool": FEW,
  "spool/waiting-pages.ts selectWaiting: spool": SMALL_INDEX,
  "mailbox/converting.ts countOtherBodies: blobs": WHOLE,
  "mailbox/converting.ts selectOtherBodies: blobs": WHOLE,
  "mailbox/draft-attachments.ts deleteAttachment: draft_attachments": SMALL_INDEX,
  "mailbox/draft-attachments.ts deleteAttachmentsOf: draft_attachments": FEW,
  "mailbox/draft-attachments.ts replaceAttachment: draft_attachments": FEW,
  "mailbox/draft-attachments.ts selectAttachedTo: draft_attachments": FEW,
  "mailbox/former-pairs.ts selectWithFormerPairs: former": DOCTOR,
  "mailbox/former-pairs.ts selectWithFormerPairs: mailboxes": DOCTOR,
  "mailbox/former-pairs.ts selectWithFormerPairs: own": DOCTOR,
  "mailbox/folders.ts deleteFolder: folders": FEW,
  "mailbox/folders.ts deleteFolder: mailbox_messages": SMALL_INDEX,
  "mailbox/folders.ts holdFolder: folders": FEW,
  "mailbox/listing.ts selectIdsFrom: mailbox_messages": FEW,
  "mailbox/listing.ts hasSealedNamed: mailbox_messages": FEW,
  "mailbox/listing.ts selectNamed: mailbox_messages": FEW,
  "mailbox/listing.ts selectOfBlob: mailbox_messages": FEW,
  "mailbox/listing.ts selectUnderOthers: mailbox_messages": WHOLE,
  "mailbox/closed-messages.ts selectClosed: mailbox_messages": FEW,
  "mailbox/folders.ts updateFolderName: folders": FEW,
  "mailbox/folding.ts foldSummaries: mailbox_messages": SMALL_INDEX,
  "mailbox/search-places.ts walkPlaces: mailbox_messages": SMALL_INDEX,
  "mailbox/search-segments.ts dropSegment: search_segments": FEW,
  "mailbox/search-segments.ts readBlocks: search_blocks": FEW,
  "mailbox/search-terms.ts insertTerms: mailbox_messages": SMALL_INDEX,
  "mailbox/search-terms.ts selectTermsUnderOthers: search_terms": WHOLE,
  "engine/pieces.ts keepOnly: outbox_pieces": FEW,
  "keys/published-file-of.ts publishedFileOf: ids": NEW_FILE,
  "keys/published-file-of.ts publishedFileOf: published": NEW_FILE,
  "jobs/attempts.ts countJobs: jobs": WAITING,
  "mail/queue-figures.ts pendingFigures: spool_use": WAITING,
  "keys/service-keys.ts replaceRevocation: generic_revocations": SMALL_INDEX,
  "discovery/unusable-answers.ts unusableSince: unusable_answers": SMALL_INDEX,
  "keys/vault.ts deleteSlots: slots": FEW,
  "keys/vault.ts selectSlots: slots": FEW,
};

type Explained = {
  readonly queries: readonly RecordedQuery[];
  /** What reads too much, by the name that it has in `ALLOWED`, with a text for people. */
  readonly wasteful: ReadonlyMap<string, string>;
};

async function explainAll({ place }: TestEngine): Promise<Explained> {
  await using made = await openTestStore(await place());
  const folder = await mkdtemp(join(tmpdir(), "sealpost-plans-"));
  try {
    const { store, queries } = recording(made);
    store.publishedFile = join(folder, "published.jsonl");
    await callDatabase(store);
    await haveManyAccounts(made, ACCOUNTS, { now, serviceKey: "k", waiting: 20 });
    const account = await callAccounts(store);
    await callAddresses(store, account);
    await callAttempts(store);
    await callVault(store, account);
    await callPublished(store, account);
    await callMessages(store, account);
    await callMailbox(store, account);
    await callOutbox(store, account);
    await callDeferred(store, account);
    await callOthersKeys(store);
    await callJournal(store, account);
    await callReservations(store);
    await callErase(store, account);
    const wasteful = new Map<string, string>();
    for (const [{ place: at, by, query }, waste] of await wasteOf(made, queries)) {
      for (const { kind, of, index } of waste) {
        if (SMALL.includes(of)) continue;
        wasteful.set(nameOf(at, by, of), `${kind} by ${index} of ${of} at ${at}: ${query.sql}`);
      }
    }
    return { queries, wasteful };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function nameOf(at: string, by: string, of: string): string {
  return `${at.replaceAll(/^store\/|:\d+$/g, "")} ${by}: ${of}`;
}

const all = engines();
const explained = new Map<TestEngine, Promise<Explained>>();

async function explainedOn(engine: TestEngine): Promise<Explained> {
  const known = explained.get(engine) ?? explainAll(engine);
  explained.set(engine, known);
  return known;
}

for (const engine of all) {
  test(`${engine.engine}: every query of the store reads what it wants, and hardly more`, async () => {
    const { wasteful } = await explainedOn(engine);
    const notAllowed = [...wasteful].filter(([name]) => ALLOWED[name] === undefined);
    assert.deepEqual(Object.fromEntries(notAllowed), {});
  });
}

for (const { engine, open } of all) {
  test(`${engine}: an index finds the rows that refer to a row, so that deleting that row reads no others`, async () => {
    await using store = await open();
    const { references, indexes } = await referencesAndIndexes(store);
    assert(references.length > 10);
    const missing = references.filter((one) => !indexes.some((index) => index.startsWith(one)));
    assert.deepEqual(missing, []);
  });

  test(`${engine}: each look-up of the keyserver finds its rows by an index`, async () => {
    await using store = await open();
    await haveManyAccounts(store, ACCOUNTS, { now, serviceKey: "k", waiting: 20 });
    const queries = Object.entries(LOOK_UPS).map(([name, text]) => ({
      place: "store/keys/published-view.ts",
      by: name,
      query: CompiledQuery.raw(engine === "sqlite" ? text.replaceAll("$1", "?1") : text, ["x"]),
    }));
    const waste = await wasteOf(store, queries);
    assert.equal(waste.size, 3);
    assert.deepEqual([...waste.values()].flat(), []);
  });
}

test("every place in the store that runs a query was seen", async () => {
  const seen = new Set<string>();
  for (const engine of all) {
    for (const { place } of (await explainedOn(engine)).queries) seen.add(place);
  }
  assert.deepEqual(
    placesThatRunQueries().filter((place) => !seen.has(place)),
    [],
    "add calls to test/support/store-calls/",
  );
});

test("every exception is still needed", async () => {
  const needed = new Set<string>();
  for (const engine of all) {
    for (const name of (await explainedOn(engine)).wasteful.keys()) needed.add(name);
  }
  assert.deepEqual(
    Object.keys(ALLOWED).filter((name) => !needed.has(name)),
    [],
  );
});
