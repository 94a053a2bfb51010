/** Every function of the store about others' keys, about what was done, and about the database itself. */
import { beginFilling, endFilling, hasTables } from "../../../src/store/engine/filling.ts";
import {
  countActions,
  lastActionAt,
  selectActions,
} from "../../../src/store/journal/audit-actions.ts";
import {
  countRowsOutside,
  hasAudit,
  insertAudit,
  insertAuditMac,
  macsUnderOthers,
  replaceAuditMac,
  walkShard,
  lastInShard,
  hashesAt,
  walkAudit,
} from "../../../src/store/journal/audit.ts";
import { readAudit, listCache } from "../stored-rows.ts";
import {
  holdAuditEnd,
  readAuditEnds,
  takeAuditPlace,
} from "../../../src/store/journal/audit-ends.ts";
import { readAuthorAnswer, saveAuthorAnswer } from "../../../src/store/discovery/author-answers.ts";
import {
  listAuthorKeys,
  listWanted,
  readAuthorKey,
  saveAuthorKey,
  wantAuthorKey,
} from "../../../src/store/discovery/author-keys.ts";
import {
  deleteCache,
  purgeCache,
  readCache,
  readContinuity,
  writeCache,
  writeContinuity,
} from "../../../src/store/discovery/cache.ts";
import {
  keepLatestTime,
  readLatestTime,
  resetLatestTime,
} from "../../../src/store/discovery/clock-seen.ts";
import {
  lastGeneration,
  listGenerations,
  readGeneration,
} from "../../../src/store/accounts/generations.ts";
import { isMigrated, migrate, requireMigrated } from "../../../src/store/engine/migrate.ts";
import { holdPublication } from "../../../src/store/keys/published-version.ts";
import {
  readRevocation,
  rememberRevocation,
} from "../../../src/store/discovery/revocations-seen.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  insertTraces,
  purgeTrace,
  selectTrace,
  selectTransaction,
} from "../../../src/store/journal/trace.ts";
import { forgetUnusable, unusableSince } from "../../../src/store/discovery/unusable-answers.ts";
import { after, DAY } from "../../../src/base/time.ts";
import type { AccountId } from "../../../src/words/account.ts";
import { bob, fingerprintOf, now } from "../published.ts";

const octets = new Uint8Array(20);

export async function callOthersKeys(store: Store): Promise<void> {
  const fingerprint = fingerprintOf("A");
  const key = { author: bob, fingerprint, state: "found", certificate: octets, at: now } as const;
  await saveAuthorKey(store, key);
  await wantAuthorKey(store, bob, fingerprint, now);
  await readAuthorKey(store, bob, fingerprint, now);
  await listAuthorKeys(store, bob, now);
  await listWanted(store, bob, now);
  const answer = { code: "OK", certificates: octets, askedAt: now, validMs: 0 } as const;
  await saveAuthorAnswer(store, bob, answer);
  await readAuthorAnswer(store, bob, now);
  const fetched = { address: bob, certificate: octets, keyserver: "", fetchedAt: now };
  await writeCache(store, { ...fetched, freshUntil: now, endsAt: undefined });
  await readCache(store, bob, now);
  await listCache(store);
  await deleteCache(store, bob);
  await purgeCache(store, now);
  await writeContinuity(store, bob.domain, now);
  await readContinuity(store, bob.domain);
  await rememberRevocation(store, { fingerprint, reason: 1, at: now }, () => true);
  await readRevocation(store, fingerprint);
  await unusableSince(store, bob, "unparsable", now);
  await forgetUnusable(store, bob);
}

export async function callJournal(store: Store, account: AccountId): Promise<void> {
  const row = { at: now, direction: "out", step: "plan", detail: "{}", expiresAt: now } as const;
  await insertTraces(store, [{ ...row, messageId: "<1@x>" }]);
  await insertTraces(store, [
    { ...row, messageId: "<2@x>" },
    { ...row, messageId: "<3@x>" },
  ]);
  // It names an address of the account, so that an erasure deletes it.
  const named = { detail: '{"sender":"carol.reef@alpha.test"}', transaction: "t" };
  await insertTraces(store, [{ ...row, ...named, expiresAt: after(now, DAY), messageId: "" }]);
  await selectTrace(store, "<1@x>");
  await selectTransaction(store, "t");
  await purgeTrace(store, now);
  await callAudit(store, account);
  await readGeneration(store, account, 1000);
  await lastGeneration(store, account, 1000);
  await listGenerations(store, [account]);
}

async function callAudit(store: Store, account: AccountId): Promise<void> {
  const { seq } = await store.transaction(async (tx) => {
    await holdAuditEnd(tx, account);
    const place = await takeAuditPlace(tx, account);
    const what = { at: now, action: "account.created", account, detail: "{}" };
    await insertAudit(tx, { ...place, ...what, hash: octets });
    await insertAuditMac(tx, { seq: place.seq, serviceKey: "k", mac: octets });
    return place;
  });
  await readAudit(store, seq);
  await readAuditEnds(store);
  await walkShard(store, 0).next();
  await lastInShard(store, { shard: 0, action: "audit.head" });
  await hashesAt(store, [{ shard: 0, place: 1 }]);
  await hasAudit(store, { action: "account.created", account, detail: "{}" });
  await walkAudit(store).next();
  await walkAudit(store, { account }).next();
  await macsUnderOthers(store, "k", { after: undefined, limit: 10 });
  await replaceAuditMac(store, { seq, serviceKey: "k", mac: octets });
  await countRowsOutside(store);
  await countActions(store, "revocation.released", { at: after(now, -DAY), afterSeq: 0 });
  await countActions(store, "revocation.released", { at: after(now, -DAY), afterSeq: 0, account });
  await selectActions(store, ["revocation.alarm", "revocation.stopped"], 0);
  await lastActionAt(store, "audit.checked");
}

export async function callDatabase(store: Store): Promise<void> {
  await migrate(store);
  await requireMigrated(store);
  await isMigrated(store);
  await keepLatestTime(store, now);
  await readLatestTime(store);
  await resetLatestTime(store, now);
  await hasTables(store);
  await store.durabilitySettings();
  await beginFilling(store);
  await endFilling(store);
  await holdPublication(store, false);
  await store.forget();
}
