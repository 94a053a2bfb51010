/** Every function of the store about mail, received and waiting to leave. */
import { newOctets } from "../../../src/base/large-octets.ts";
import { locked } from "../../../src/incoming/verdicts.ts";
import { selectWaiting } from "../../../src/store/spool/waiting-pages.ts";
import { listSpoolUse, readSpoolUse } from "../../../src/store/spool/spool-use.ts";
import { keepServedKeys, updateVerdict } from "../../../src/store/spool/verdicts.ts";
import {
  deleteWaiting,
  hasSealedWaiting,
  insertWaiting,
  selectOneWaiting,
} from "../../../src/store/spool/spool-rows.ts";
import {
  beginOpening,
  countStuck,
  endOpening,
  openAgain,
} from "../../../src/store/spool/openings.ts";
import {
  deleteOutbox,
  holdOutbox,
  insertOutbox,
  readCopy,
  readWaiting,
  replaceCopy,
  updateEnvelope,
} from "../../../src/store/mail/outbox.ts";
import {
  deferredNamed,
  deferredUse,
  deleteDeferred,
  holdDeferred,
  insertDeferred,
  isDeferred,
  listDeferred,
  readDeferred,
  updateDeferred,
} from "../../../src/store/mail/deferred.ts";
import { queueFigures, pendingFigures } from "../../../src/store/mail/queue-figures.ts";
import {
  countClear,
  deleteClearCounts,
  listClearCounts,
  purgeClearCounts,
  takeClearCounts,
} from "../../../src/store/mail/clear-counts.ts";
import {
  hasProtectedName,
  insertProtectedName,
  purgeProtectedNames,
} from "../../../src/store/mail/protected-names.ts";
import { copiesUnderOthers } from "../../../src/store/keys/service-keys.ts";
import type { Store } from "../../../src/store/store.ts";
import type { AccountId } from "../../../src/words/account.ts";
import { countJobs, takeBackAttempt } from "../../../src/store/jobs/attempts.ts";
import {
  deleteJob,
  extendLease,
  holdJob,
  insertJob,
  makeDue,
  putOffJob,
  readJob,
  takeDueJob,
  takeJobNamed,
} from "../../../src/store/jobs/jobs.ts";
import { after, DAY, HOUR } from "../../../src/base/time.ts";
import { addressOf } from "../address.ts";
import { now } from "../published.ts";

/** Too large for one row. */
const LARGE = 3_000_000;

export async function callMessages(store: Store, account: AccountId): Promise<void> {
  const verdict = locked(now);
  const message = {
    id: "message",
    account,
    form: "sealed",
    blob: {
      place: "database",
      id: "blob of a message that waits",
      sizeBytes: LARGE,
      octets: newOctets(LARGE),
    },
    summary: new Uint8Array(),
    outerFrom: "",
    messageId: "<1@x>",
    envelopeId: "",
    contentHash: new Uint8Array(32),
    sizeBytes: LARGE,
    receivedAt: now,
    verdict,
    folder: "inbox",
    flags: 0,
  } as const;
  await insertWaiting(store, message);
  await insertWaiting(store, message);
  await selectOneWaiting(store, account, "message");
  await hasSealedWaiting(store, account, ["<1@x>", "<2@x>"]);
  for (const first of ["oldest", "newest"] as const) {
    for (const after of [undefined, { receivedAt: now, id: "message" }]) {
      await selectWaiting(store, account, { first, after, limit: 10 });
    }
  }
  await listSpoolUse(store);
  await readSpoolUse(store, account);
  await pendingFigures(store);
  await countStuck(store);
  await beginOpening(store, account, "message", now);
  await endOpening(store, "message");
  await keepServedKeys(store, account, "message", { author: "", fingerprints: [] });
  await updateVerdict(store, account, "message", { ...verdict, signature: "later" }, {});
  const read = { summary: new Uint8Array(1), messageId: "<2@x>" };
  await updateVerdict(store, account, "message", verdict, read);
  await openAgain(store, account, "message", verdict);
  await store.transaction(async (tx) => deleteWaiting(tx, account, "message"));
}

export async function callDeferred(store: Store, account: AccountId): Promise<void> {
  const because = addressOf("bob@beta.test");
  const row = {
    id: "deferred",
    account,
    sender: addressOf("carol@alpha.test"),
    messageId: "<2@x>",
    envelope: "{}",
    because,
  };
  const part = { ...row, id: "deferred.original", serviceKey: "k", createdAt: now };
  const parts = [{ ...part, wrapped: newOctets(LARGE) }];
  const job = { createdAt: now, dueAt: now, reason: "UNSURE-DNS" };
  await store.transaction(async (tx) => insertDeferred(tx, row, parts, job));
  await readDeferred(store, "deferred");
  await deferredNamed(store, "<2@x>");
  await deferredUse(store, account);
  await isDeferred(store, account, ["<2@x>"]);
  await listDeferred(store, { after: { createdAt: now, id: "d" }, limit: 10 });
  await makeDue(store, { kind: "deferred", subject: "deferred" }, now);
  await store.transaction(async (tx) => {
    await holdDeferred(tx, row);
    await updateDeferred(tx, "deferred", { because, noticedAt: now });
    await deleteDeferred(tx, "deferred");
  });
}

export async function callOutbox(store: Store, account: AccountId): Promise<void> {
  const copy = {
    id: "copy",
    sender: addressOf("carol@alpha.test"),
    account,
    messageId: "<1@x>",
    envelope: "{}",
    wrapped: newOctets(LARGE),
    serviceKey: "k",
    createdAt: now,
  };
  await insertOutbox(store, [copy]);
  await readCopy(store, "copy");
  await replaceCopy(store, copy);
  await copiesUnderOthers(store, "k", { after: undefined, limit: 10 });
  await queueFigures(store, "outbox");
  await queueFigures(store, "deferred");
  await readWaiting(store, "copy");
  await updateEnvelope(store, "copy", "{}");
  await callJobs(store, account, now);
  await store.transaction(async (tx) => holdOutbox(tx, copy));
  await deleteOutbox(store, "copy");
  await insertProtectedName(store, account, "tag", now);
  await hasProtectedName(store, account, ["tag", "other"]);
  await purgeProtectedNames(store, now);
  await callClearCounts(store, account);
}

async function callClearCounts(store: Store, account: AccountId): Promise<void> {
  const day = Math.floor(now.getTime() / DAY);
  const days = { first: 0, last: day };
  const page = { after: undefined, limit: 10 };
  await countClear(store, account, { day, reasons: ["NOSVC", "NOKEY"] });
  await countClear(store, account, { day, reasons: ["NOSVC"] });
  await listClearCounts(store, days, page);
  await listClearCounts(store, days, { ...page, after: { day: day - 1, account } });
  await takeClearCounts(store, account, days);
  await deleteClearCounts(store, account);
  await purgeClearCounts(store, day - 1);
}

/** What is asked of the table of jobs, by whatever work. */
async function callJobs(store: Store, account: AccountId, now: Date): Promise<void> {
  const taking = { now, until: after(now, HOUR), latest: after(now, DAY) };
  const named = { kind: "opening", subject: "one that was begun" } as const;
  await insertJob(store, { ...named, account, createdAt: now });
  await takeDueJob(store, "outbox", taking);
  const job = await takeJobNamed(store, named, taking);
  if (job !== undefined) {
    await store.transaction(async (tx) => holdJob(tx, job));
    await extendLease(store, job, now);
    await putOffJob(store, job, { attempts: 2, dueAt: now });
  }
  await readJob(store, named);
  await takeBackAttempt(store, named, () => 0);
  await countJobs(store, "opening", 1);
  await deleteJob(store, named);
}
