/** Every function of the store about mailboxes: folders, messages, and what changes them. */
import { noteNews } from "../../../src/store/mailbox/news.ts";
import assert from "node:assert/strict";

import { newOctets } from "../../../src/base/large-octets.ts";
import { after, HOUR } from "../../../src/base/time.ts";
import {
  holdBlobFiles,
  namesWithoutRow,
  readBlob,
  selectBlobsElsewhere,
} from "../../../src/store/mail/blobs.ts";
import {
  countOtherBodies,
  markBody,
  replaceBody,
  selectHolders,
  selectOtherBodies,
} from "../../../src/store/mailbox/converting.ts";
import { changeDraft } from "../../../src/store/mailbox/drafts.ts";
import {
  countUnderOthers,
  readPresentPair,
  selectWithFormerPairs,
} from "../../../src/store/mailbox/former-pairs.ts";
import { foldSummaries } from "../../../src/store/mailbox/folding.ts";
import {
  deleteFolder,
  holdFolder,
  insertFolder,
  readFolderFigures,
  selectFolders,
  updateFolderName,
} from "../../../src/store/mailbox/folders.ts";
import { selectClosed } from "../../../src/store/mailbox/closed-messages.ts";
import { deleteWaiting, insertWaiting } from "../../../src/store/spool/spool-rows.ts";
import { locked } from "../../../src/incoming/verdicts.ts";
import {
  dropSegment,
  insertSegment,
  listSegments,
  readBlocks,
  readSegmentHead,
} from "../../../src/store/mailbox/search-segments.ts";
import {
  selectByNumber,
  selectPlaces,
  walkPlaces,
} from "../../../src/store/mailbox/search-places.ts";
import {
  countTerms,
  countToIndex,
  forgetTerms,
  insertTerms,
  listTermPlaces,
  rewrapTerms,
  selectTermPlaces,
  selectTerms,
  selectTermsUnderOthers,
  selectToIndex,
} from "../../../src/store/mailbox/search-terms.ts";
import { readLastChanges, readMailbox, readOctets } from "../../../src/store/mailbox/mailboxes.ts";
import {
  changeContent,
  changeFlags,
  deleteMessages,
  expungeDue,
  moveMessages,
  removeMessages,
  restoreMessages,
} from "../../../src/store/mailbox/message-changes.ts";
import { findOnce, insertMailboxMessage } from "../../../src/store/mailbox/messages.ts";
import {
  selectById,
  selectChanged,
  hasSealedNamed,
  selectIdsFrom,
  selectNamed,
  selectPage,
  selectToFold,
  selectWithNews,
  selectUnderOthers,
} from "../../../src/store/mailbox/listing.ts";
import type { Store } from "../../../src/store/store.ts";
import type { AccountId } from "../../../src/words/account.ts";
import { addressOf } from "../address.ts";
import { now } from "../published.ts";

/** Too large for one row. */
const LARGE = 3_000_000;

/** A message of a mailbox; its blob has the same name. */
export function mailboxRow(id: string, octets: Uint8Array = new Uint8Array(10)) {
  return {
    id,
    folder: "inbox",
    flags: 0,
    form: "clear",
    state: "UNPROTECTED",
    key: "",
    summary: new Uint8Array(5),
    sizeBytes: octets.length,
    receivedAt: now,
    once: id,
    name: id,
    blob: { id: `blob of ${id}`, place: "database" as const, sizeBytes: octets.length, octets },
  };
}

function waitingRow(account: AccountId) {
  return {
    account,
    form: "sealed",
    summary: new Uint8Array(),
    outerFrom: "",
    messageId: "",
    contentHash: new Uint8Array(32),
    sizeBytes: LARGE,
    receivedAt: now,
    verdict: locked(now),
    folder: "inbox",
    flags: 0,
  } as const;
}

export async function callMailbox(store: Store, account: AccountId): Promise<void> {
  await insertFolder(store, account, {
    id: "own",
    key: "",
    name: new Uint8Array(),
    createdAt: now,
  });
  await updateFolderName(store, account, { id: "own", key: "k", name: new Uint8Array() });
  await holdFolder(store, account, "own");
  await insertMailboxMessage(store, account, mailboxRow("1"));
  await insertMailboxMessage(store, account, mailboxRow("1"));
  await insertMailboxMessage(store, account, mailboxRow("2", newOctets(LARGE)));
  const copy = { ...mailboxRow("3"), blob: { id: "blob of 1" } };
  await insertMailboxMessage(store, account, copy);
  await readBlob(store, "blob of 2");
  const elsewhere = { id: "blob of 4", place: "folder" as const, sizeBytes: 10 };
  const isThere = async () => Promise.resolve(true);
  const inFolder = { ...mailboxRow("4"), blob: { ...elsewhere, isThere } };
  await insertMailboxMessage(store, account, inFolder);
  await selectBlobsElsewhere(store, { after: "", limit: 10 });
  await namesWithoutRow(store, ["blob of 4", "blob of 5"]);
  await store.transaction(holdBlobFiles);
  const ids = ["1", "2"];
  const [row] = await selectById(store, account, ids);
  await selectPage(store, account, { folder: "inbox", after: undefined, limit: 2 });
  await selectPage(store, account, {
    folder: "inbox",
    after: { receivedAt: now, number: 3 },
    limit: 2,
  });
  await findOnce(store, account, "1");
  await selectNamed(store, account, ["1", "2"]);
  await selectIdsFrom(store, account, { beginning: "1", limit: 2 });
  await selectChanged(store, account, { after: 1, limit: 10 });
  await selectToFold(store, account, { after: 0, limit: 10 });
  await selectWithNews(store, account, { after: 0, limit: 10 });
  const news = { octets: Buffer.of(1), isProtected: true, hasNotice: true };
  await noteNews(store, account, "1", news);
  await changeFlags(store, account, ids, { set: 1, clear: 2 });
  await moveMessages(store, account, ids, "trash");
  if (row !== undefined) {
    await changeContent(store, account, row, { key: "k", summary: Buffer.of(1), state: "DAMAGED" });
  }
  const folded = {
    row: { ...mailboxRow("3"), news: new Uint8Array() },
    key: "k",
    summary: new Uint8Array(9),
  };
  await foldSummaries(store, account, [folded]);
  const blob = {
    id: "blob of 5",
    place: "database",
    sizeBytes: 9,
    octets: new Uint8Array(9),
  } as const;
  await insertWaiting(store, { ...waitingRow(account), id: "5", envelopeId: "5", blob });
  await insertMailboxMessage(store, account, {
    ...mailboxRow("6"),
    form: "sealed",
    state: "DAMAGED",
    blob: { id: "blob of 5" },
  });
  await selectClosed(store, account, { id: undefined, after: "", limit: 10 });
  await selectClosed(store, account, { id: "6", after: "", limit: 10 });
  await hasSealedNamed(store, account, ["6"]);
  await deleteMessages(store, account, ["6"]);
  await deleteWaiting(store, account, "5");
  await callConversion(store, account);
  await callSearch(store, account);
  await removeMessages(store, account, ids, after(now, HOUR));
  await restoreMessages(store, account, ids);
  await removeMessages(store, account, [...ids, "4"], now);
  await expungeDue(store, now);
  await callDrafts(store, account);
  await deleteFolder(store, account, "own", "inbox");
  await selectFolders(store, account);
  await readFolderFigures(store, account);
  await readMailbox(store, account);
  await readOctets(store, account);
  await readLastChanges(store, [account]);
}

async function callDrafts(store: Store, account: AccountId): Promise<void> {
  const put = (id: string) => mailboxRow(id).blob;
  await insertMailboxMessage(store, account, mailboxRow("7"));
  const change = { key: "k", summary: Buffer.of(7), sizeBytes: 7, under: "k" };
  const read = async () => {
    const [row] = await selectById(store, account, ["7"]);
    return row ?? assert.fail("no draft");
  };
  const text = { blob: put("8"), name: "8", receivedAt: now };
  await changeDraft(store, account, await read(), { ...change, text });
  await changeDraft(store, account, await read(), { ...change, attached: put("9") });
  await changeDraft(store, account, await read(), { ...change, attached: put("10") });
  const copy = { ...mailboxRow("11"), blob: { id: "blob of 8" }, copyOf: "7" };
  await insertMailboxMessage(store, account, copy);
  await changeDraft(store, account, await read(), { ...change, detached: "blob of 9" });
  await callReplacing(store, account, "blob of 10", "attachment");
  await deleteMessages(store, account, ["7", "11"]);
}

/** Terms as octets, under a key that nobody has. */
export const wrappedTerms = { key: "k", octets: Buffer.of(1) } as const;

/** A segment of these terms. */
export function segmentOf(id: string, members: Parameters<typeof insertSegment>[2]["members"]) {
  const bytes = Buffer.of(2);
  return { id, key: "k", head: bytes, blocks: [bytes], members, replaced: [] };
}

async function callConversion(store: Store, account: AccountId): Promise<void> {
  const page = { key: "other", limit: 5 };
  await countOtherBodies(store, account, "other");
  await selectWithFormerPairs(store, { after: "", limit: 5 });
  await readPresentPair(store, account, addressOf("carol@alpha.test"));
  await countUnderOthers(store, account, { fingerprint: "other", since: now.getTime() });
  await selectOtherBodies(store, account, { ...page, after: "" });
  await selectUnderOthers(store, account, { ...page, after: 0 });
  await markBody(store, "blob of 1", "other");
  await callReplacing(store, account, "blob of 1", "body");
}

async function callReplacing(
  store: Store,
  account: AccountId,
  blob: string,
  is: "body" | "attachment",
): Promise<void> {
  const holders = await selectHolders(store, account, blob);
  assert.equal(holders.is, is);
  const octets = new Uint8Array(10);
  const by = { id: `${blob}, later`, place: "database", sizeBytes: 10, octets } as const;
  const rows = holders.rows.map((row) => ({ row, summary: row.summary, version: "" }));
  const gone = await replaceBody(store, account, { blob, by, key: "other", is, rows });
  assert.notEqual(gone, undefined);
}

async function callSearch(store: Store, account: AccountId): Promise<void> {
  const rows = await selectToIndex(store, account, { after: 0, limit: 10 });
  await countToIndex(store, account);
  await insertTerms(
    store,
    account,
    rows.map((row) => ({ row, ...wrappedTerms })),
  );
  const [first] = rows;
  if (first !== undefined) {
    const content = { key: "k", summary: first.summary, state: "DAMAGED", terms: wrappedTerms };
    await changeContent(store, account, first, content);
  }
  const numbers = rows.map(({ number }) => number);
  const places = await listTermPlaces(store, account, "");
  await selectTermPlaces(store, account, numbers);
  await selectTerms(store, account, numbers);
  const others = await selectTermsUnderOthers(store, account, { key: "other", after: 0, limit: 5 });
  await rewrapTerms(
    store,
    account,
    others.map((row) => ({ row, terms: wrappedTerms })),
  );
  await insertSegment(store, account, segmentOf("s", places));
  const again = await listTermPlaces(store, account, "s");
  await insertSegment(store, account, { ...segmentOf("t", again), replaced: ["s"] });
  await countTerms(store, account);
  await listSegments(store, account);
  await readSegmentHead(store, "t");
  await readBlocks(store, "t", [0, 1]);
  await dropSegment(store, account, "t");
  await forgetTerms(store, account, places);
  const all = { folder: undefined, from: undefined, until: undefined };
  const page = { ...all, after: undefined, limit: 5 };
  await walkPlaces(store, account, page);
  await walkPlaces(store, account, { ...page, after: { receivedAt: now, number: 3 } });
  await walkPlaces(store, account, { ...page, hasNotice: true });
  await walkPlaces(store, account, {
    ...page,
    folder: "inbox",
    from: now,
    until: after(now, HOUR),
  });
  await selectPlaces(store, account, numbers);
  await selectByNumber(store, account, numbers);
}
