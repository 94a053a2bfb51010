/** Somebody has the database, and asks whose the entries of the audit log are: also of accounts that were erased. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { sql } from "kysely";
import { Secret } from "../../src/base/secret.ts";
import { accountTag, unkeyedTag } from "../../src/journal/account-tag.ts";
import { appendAudit, isAudited, listAudit, verifyAudit } from "../../src/journal/audit.ts";
import { loggedBinding, readBinding } from "../../src/keys/binding.ts";
import { eraseByLaw } from "../../src/keys/end-account.ts";
import { openWithRecoveryCode } from "../../src/keys/master-key.ts";
import { readRecoveryCode } from "../../src/keys/recovery-code.ts";
import { rewrapAll } from "../../src/keys/rewrap.ts";
import { fixedServiceKeys } from "../../src/keys/service-key.ts";
import { beginTags, holdAuditKeys } from "../../src/keys/tag-keys.ts";
import { enrol } from "../../src/login/enrol.ts";
import { recoverWithCode } from "../../src/login/recover.ts";
import { canonicalAddress } from "../../src/mail/address.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { insertTombstone, isBuried } from "../../src/store/tombstones.ts";
import { fakeClock } from "../support/clock.ts";
import { engines } from "../support/engines.ts";
import { alice, depsFor, fresh, old, type Deps } from "../support/key-life.ts";

const fixedTime = (): Date => fakeClock().now();
const keysOf = (...bytes: readonly number[]) =>
  fixedServiceKeys(...bytes.map((byte) => new Secret(Buffer.alloc(32, byte))));

/** A process on this database that holds these service keys, the one in force first. */
function hostOf(store: Store, bytes: readonly number[], isLost = false): Deps {
  const serviceKeys = keysOf(...bytes);
  holdAuditKeys(store, serviceKeys, isLost);
  return { ...depsFor(store), serviceKeys };
}

async function withAlice(store: Store) {
  const deps = hostOf(store, [1]);
  await beginTags(store, deps.clock.now());
  const made = await enrol(deps, {
    address: alice,
    custody: "unlocks-at-login",
    password: old(),
    profile: "compat",
    withRecoveryCode: true,
  });
  const code = readRecoveryCode(made.recoveryCode ?? "");
  assert(code.kind === "read");
  return { deps, code: code.secret };
}

/** Every value of every table. */
async function everyValue(store: Store): Promise<readonly (string | Uint8Array)[]> {
  const tables = await store.db.introspection.getTables();
  const values: (string | Uint8Array)[] = [];
  for (const { name } of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(
      store.db,
    );
    for (const value of rows.flatMap((row) => Object.values(row))) {
      if (typeof value === "string" || value instanceof Uint8Array) values.push(value);
    }
  }
  return values;
}

/** What can be computed of an address with nothing but what lies in the database. */
function guessesOf(values: readonly (string | Uint8Array)[]): ReadonlySet<string> {
  const name = canonicalAddress(alice);
  const texts = [name, `audit\0${name}`, `tombstone\0${name}`];
  const hashes = texts.map((text) => createHash("sha256").update(text).digest("hex"));
  const keyed = values.flatMap((value) =>
    texts.map((text) => createHmac("sha256", value).update(text).digest("hex")),
  );
  return new Set([...hashes, ...keyed].map((hex) => hex.slice(0, 16)));
}

/** The texts in the database that a guess fits. */
async function fits(store: Store): Promise<readonly string[]> {
  const values = await everyValue(store);
  const guesses = guessesOf(values);
  return values
    .filter((value) => typeof value === "string")
    .filter((text) => guesses.has((text.split("#")[1] ?? text).slice(0, 16)));
}

const actionsOf = async (store: Store) =>
  (await Array.fromAsync(listAudit(store, alice))).map(({ action }) => action);

for (const { engine, open, place } of engines()) {
  test(`${engine}: whoever has the database alone computes no tag of an address, also after a rotation`, async () => {
    await using store = await open();
    await withAlice(store);
    const tag = await accountTag(store, alice);
    const before = await actionsOf(store);
    const generation = (await readBinding(store, alice))?.generation;
    assert(before.includes("account.added") && generation !== undefined);
    assert.deepEqual(await fits(store), []);

    assert.equal(await rewrapAll(hostOf(store, [2, 1])), 0);
    const alone = hostOf(store, [2]);
    assert.equal(await accountTag(store, alice), tag);
    assert.deepEqual(await actionsOf(store), before);
    assert.equal((await readBinding(store, alice))?.generation, generation);
    assert.equal(await rewrapAll(alone), 0);
    assert.deepEqual(await fits(store), []);
    hostOf(store, [1]);
    await assert.rejects(accountTag(store, alice), /no service key of this host opens/);
  });

  test(`${engine}: after an erasure the entries stay as they were, and only the service key tells whose they are`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const before = await actionsOf(store);
    await eraseByLaw(deps, alice);
    assert.equal((await verifyAudit(store)).kind, "intact");
    assert.deepEqual(await actionsOf(store), [...before, "account.erased"]);
    assert(await isBuried(store, canonicalAddress(alice), deps.clock.now()));
    assert.deepEqual(await fits(store), []);
    const own = await accountTag(store, alice);
    const values = await everyValue(store);
    const elsewhere = values.filter((value) => value === own).length;
    const entries = (await Array.fromAsync(listAudit(store))).filter(
      ({ account }) => account === own,
    );
    assert.equal(elsewhere, entries.length, "the tag stands in the log and nowhere else");
    // The same search finds what is not keyed.
    await store.db
      .insertInto("tombstones")
      .values({
        tag: createHash("sha256").update(canonicalAddress(alice)).digest("hex"),
        erased_at: 1,
      })
      .execute();
    assert.equal((await fits(store)).length, 1);
  });

  test(`${engine}: hosts that share the database make one tag key, and each finds what the other wrote`, async () => {
    const database = await place();
    await using one = await openStore(database);
    await migrate(one);
    await using other = await openStore(database);
    const here = hostOf(one, [1]);
    hostOf(other, [1]);
    const at = here.clock.now();
    // Transactions of SQLite in one process wait for each other without giving way.
    if (engine === "sqlite") {
      await beginTags(one, at);
      await beginTags(other, at);
    } else {
      await Promise.all([beginTags(one, at), beginTags(other, at)]);
    }
    await appendAudit(one, { at, action: "seen", account: alice });
    assert(await isAudited(other, { at, action: "seen", account: alice }));
    assert.equal(await accountTag(one, alice), await accountTag(other, alice));

    await rewrapAll(hostOf(one, [2, 1]));
    await assert.rejects(
      isAudited(other, { at, action: "seen", account: alice }),
      (error: { temporary?: boolean }) => error.temporary === true,
    );
    hostOf(other, [2, 1]);
    assert(await isAudited(other, { at, action: "seen", account: alice }));
  });

  test(`${engine}: when the service key is lost an account is found by what its row kept, and then under a new tag key`, async () => {
    await using store = await open();
    const { code } = await withAlice(store);
    const lostTag = await accountTag(store, alice);
    const was = await readBinding(store, alice);
    assert(was && was.slots.size > 0);
    const strange = hostOf(store, [2]);
    await beginTags(store, strange.clock.now());
    await assert.rejects(openWithRecoveryCode(strange, alice, code), /docs\/operate\/keys\.md/);

    const deps = hostOf(store, [2], true);
    assert.deepEqual(await readBinding(store, alice), was);
    await beginTags(store, deps.clock.now());
    const newTag = await accountTag(store, alice);
    assert.notEqual(newTag, lostTag);
    assert.deepEqual(await readBinding(store, alice), was);
    assert.equal((await recoverWithCode(deps, alice, code, fresh()))?.keys, "kept");
    // Nobody says any more that a key is lost.
    hostOf(store, [2]);
    assert.equal((await readBinding(store, alice))?.generation, was.generation + 1);
    const all = await Array.fromAsync(listAudit(store));
    assert(all.some(({ action }) => action === "tag-key.replaced"));
    assert.equal(all.at(-1)?.account, newTag);
    assert.deepEqual(await fits(store), []);
  });

  test(`${engine}: a tag key that somebody deleted is not replaced by another`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await store.db.deleteFrom("tag_key").execute();
    const at = deps.clock.now();
    await assert.rejects(beginTags(store, at), /somebody deleted the key/);
    await assert.rejects(readBinding(store, alice), /somebody deleted the key/);
    await assert.rejects(
      appendAudit(store, { at, action: "seen", account: alice }),
      /somebody deleted the key/,
    );
    await appendAudit(store, { at, action: "seen" });
  });

  test(`${engine}: a tag key that somebody copied from another database is refused`, async () => {
    await using theirs = await open();
    hostOf(theirs, [9]);
    await beginTags(theirs, fixedTime());
    const row = await theirs.db.selectFrom("tag_key").selectAll().executeTakeFirstOrThrow();
    await using store = await open();
    await withAlice(store);
    for (const service_key of [row.service_key, "", keysOf(1).current.id]) {
      await store.db
        .updateTable("tag_key")
        .set({ ...row, service_key })
        .execute();
      await assert.rejects(readBinding(store, alice), /no service key of this host opens/);
    }
  });

  test(`${engine}: entries and tombstones of former versions, whose tags have no key, are found too`, async () => {
    await using store = await open();
    await withAlice(store);
    const was = await loggedBinding(store, alice);
    store.auditMac = undefined;
    await sql
      .raw(
        engine === "sqlite"
          ? "drop trigger audit_no_update"
          : "drop trigger audit_no_change on audit",
      )
      .execute(store.db);
    const tag = await accountTag(store, alice);
    const { numUpdatedRows } = await store.db
      .updateTable("audit")
      .set({ account: unkeyedTag(alice) })
      .where("account", "=", tag)
      .executeTakeFirst();
    assert(numUpdatedRows > 0n);
    assert.deepEqual(await loggedBinding(store, alice), was);
    assert.equal((await actionsOf(store)).length, Number(numUpdatedRows));
    const name = canonicalAddress(alice);
    const former = createHash("sha256").update(`tombstone\0${name}`).digest("hex");
    const at = fixedTime();
    await store.db
      .insertInto("tombstones")
      .values({ tag: former, erased_at: at.getTime() })
      .execute();
    assert(await isBuried(store, name, at));
    await insertTombstone(store, name, at, name);
    assert.equal(await isBuried(store, name, at, name), false);
  });
}
