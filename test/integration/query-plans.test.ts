/**
 * No query reads all rows of a table that grows with the accounts, nor looks through many for a few, unless a line here says
 * why it may. Every function of `store/` is called on both engines, and every query that it runs is explained by its engine.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { engines, type TestEngine } from "../support/engines.ts";
import { haveManyAccounts } from "../support/many-rows.ts";
import { now } from "../support/published.ts";
import { wasteOf } from "../support/query-plans.ts";
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
import { callMessages, callOutbox } from "../support/store-calls/mail.ts";
import { callDatabase, callJournal, callOthersKeys } from "../support/store-calls/others.ts";

/** Enough for PostgreSQL to tell a good index from a bad one. */
const ACCOUNTS = 2000;

/** Tables of one row, or of one for each process or release: reading all of them costs nothing. */
const SMALL = [
  "audit_head",
  "published_version",
  "clock_seen",
  "tag_key",
  "service_key_users",
  "migrations",
];

/** An account, an author or a message has few such rows. */
const FEW = "an index finds the few rows of one owner";
const TO_MEND = "to mend";

/** What may read more than it wants: the file, the function and the table in its query; and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  "accounts.ts listAccounts: accounts": TO_MEND,
  "accounts.ts listAccounts: addresses": TO_MEND,
  "accounts.ts listAccountsWithoutKeys: accounts": TO_MEND,
  "accounts.ts listAccountsWithoutKeys: addresses": TO_MEND,
  "accounts.ts listAccountsWithoutKeys: master_keys": TO_MEND,
  "accounts.ts listClosedAccounts: addresses": TO_MEND,
  "active-addresses.ts activeAddresses: published_certificates": TO_MEND,
  "addresses.ts forgetReleased: addresses": TO_MEND,
  "addresses.ts listAddresses: addresses": FEW,
  "addresses.ts listAliases: addresses": FEW,
  "addresses.ts listReleased: addresses": FEW,
  "addresses.ts listSubaddresses: addresses": TO_MEND,
  "addresses.ts purgeReleased: addresses": TO_MEND,
  "addresses.ts releaseAlias: addresses": FEW,
  "attempts.ts purgeAttempts: attempts": TO_MEND,
  "audit-actions.ts countActions: audit": FEW,
  "audit.ts hasAudit: audit": FEW,
  "audit.ts macsUnderOthers: audit_macs": TO_MEND,
  "audit.ts walkAudit: audit_macs": TO_MEND,
  "author-keys.ts listAuthorKeys: author_keys": FEW,
  "author-keys.ts listWanted: author_keys": TO_MEND,
  "cache.ts listCache: cached_certificates": TO_MEND,
  "certificates.ts hasPublished: published_certificates": TO_MEND,
  "certificates.ts listAllPublished: published_certificates": TO_MEND,
  "certificates.ts listExpiring: published_certificates": TO_MEND,
  "erase-trace.ts mentions: trace": TO_MEND,
  "generations.ts lastGeneration: audit": FEW,
  "generations.ts readGeneration: said": FEW,
  "mailbox-certificates.ts retireMailboxCertificate: mailbox_certificates": FEW,
  "message-verdicts.ts addPendingEvidence: messages": TO_MEND,
  "message-verdicts.ts updateVerdict: messages": TO_MEND,
  "messages.ts hasSealedMessage: messages": TO_MEND,
  "messages.ts selectWaiting: messages": TO_MEND,
  "messages.ts selectWaitingAccounts: messages": TO_MEND,
  "messages.ts sumMessages: messages": TO_MEND,
  "openings.ts beginOpening: messages": TO_MEND,
  "openings.ts countStuck: messages": TO_MEND,
  "outbox.ts takeDue: outbox": TO_MEND,
  "outbox.ts takeDue: outbox_1": TO_MEND,
  "pieces.ts keepOnly: message_pieces": FEW,
  "pieces.ts keepOnly: outbox_pieces": FEW,
  "publish.ts erasePublished: certificate_ids": TO_MEND,
  "publish.ts stopServing: certificate_ids": TO_MEND,
  "published-file-of.ts publishedFileOf: ids": TO_MEND,
  "published-file-of.ts publishedFileOf: published": TO_MEND,
  "queue-figures.ts outboxFigures: outbox": TO_MEND,
  "queue-figures.ts pendingFigures: messages": TO_MEND,
  "service-keys.ts copiesUnderOthers: outbox": TO_MEND,
  "service-keys.ts loginsUnderOthers: accounts": TO_MEND,
  "service-keys.ts replaceRevocation: generic_revocations": FEW,
  "service-keys.ts revocationsUnderOthers: generic_revocations": TO_MEND,
  "service-keys.ts slotsUnderOthers: slots": TO_MEND,
  "slot-sample.ts countSlotsByServiceKey: slots": TO_MEND,
  "slot-sample.ts sampleServiceSlots: slots": TO_MEND,
  "trace.ts selectTransaction: trace": TO_MEND,
  "unusable-answers.ts unusableSince: unusable_answers": FEW,
  "vault.ts deleteSlots: slots": FEW,
  "vault.ts selectSlots: slots": FEW,
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
    await haveManyAccounts(made, ACCOUNTS, { now, serviceKey: "k" });
    const account = await callAccounts(store);
    await callAddresses(store, account);
    await callAttempts(store);
    await callVault(store, account);
    await callPublished(store, account);
    await callMessages(store, account);
    await callOutbox(store, account);
    await callOthersKeys(store);
    await callJournal(store, account);
    await callReservations(store);
    await callErase(store, account);
    const wasteful = new Map<string, string>();
    for (const [{ place: at, by, query }, waste] of await wasteOf(made, queries)) {
      for (const { kind, of } of waste) {
        if (SMALL.includes(of)) continue;
        wasteful.set(nameOf(at, by, of), `${kind} of ${of} at ${at}: ${query.sql}`);
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
