/** Somebody has the database, and asks whose the rows of an erased account were. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { sql } from "kysely";
import { Secret } from "../../src/base/secret.ts";
import { listAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { readBinding } from "../../src/vault/binding.ts";
import { eraseByLaw } from "../../src/keys/end-account.ts";
import { readRecoveryCode } from "../../src/vault/recovery-code.ts";
import { rewrapAll } from "../../src/vault/rewrap.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { beginTags, holdAuditKeys } from "../../src/vault/tag-keys.ts";
import { recoverWithCode } from "../../src/login/recover.ts";
import { canonicalAddress } from "../../src/mail/address.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { isReserved } from "../../src/store/accounts/reserved-addresses.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { makeTag } from "../../src/store/keys/tag-key.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { fakeClock } from "../support/clock.ts";
import { engines } from "../support/engines.ts";
import { alice, depsFor, fresh, old, type Deps } from "../support/key-life.ts";
import { came } from "../support/outcome.ts";

const fixedTime = (): Date => fakeClock().now();
const NAME = canonicalAddress(alice);
const keysOf = (...bytes: readonly number[]) =>
  fixedServiceKeys(...bytes.map((byte) => new Secret(Buffer.alloc(32, byte))));
const tagOfAlice = async (store: Store) => makeTag(store, "reserved", NAME);

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
  const texts = [NAME, `reserved\0${NAME}`, `attempt\0${NAME}`];
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
    .filter((text) => guesses.has(text.slice(0, 16)));
}

const actionsOf = async (store: Store) =>
  (await Array.fromAsync(listAudit(store, idOf(alice)))).map(({ action }) => action);

for (const { engine, open, place } of engines()) {
  test(`${engine}: whoever has the database alone computes no tag of an address, also after a rotation`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    const tag = await tagOfAlice(store);
    assert((await everyValue(store)).includes(tag));
    assert.deepEqual(await fits(store), []);

    assert.equal(await rewrapAll(hostOf(store, [2, 1])), 0);
    const alone = hostOf(store, [2]);
    assert.equal(await tagOfAlice(store), tag);
    assert(await isReserved(store, NAME, deps.clock.now()));
    assert.equal(await rewrapAll(alone), 0);
    assert.deepEqual(await fits(store), []);
    hostOf(store, [1]);
    await assert.rejects(tagOfAlice(store), /no service key of this host opens/);
    // The same search finds what is not keyed.
    await store.db
      .insertInto("reserved_addresses")
      .values({ tag: createHash("sha256").update(NAME).digest("hex"), reserved_at: 1 })
      .execute();
    assert.equal((await fits(store)).length, 1);
  });

  test(`${engine}: after an erasure the entries stay as they were, and nothing tells whose they are`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const before = await actionsOf(store);
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    assert.equal((await verifyAudit(store)).kind, "intact");
    assert.deepEqual(await actionsOf(store), [...before, "account.erased"]);
    const values = await everyValue(store);
    const named = values.filter((value) => value === idOf(alice)).length;
    assert.equal(named, before.length + 1, "the ID stands in the log and nowhere else");
    assert(!values.some((value) => typeof value === "string" && value.includes("alice")));
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
    const tag = await tagOfAlice(one);
    assert.equal(await tagOfAlice(other), tag);

    await rewrapAll(hostOf(one, [2, 1]));
    await assert.rejects(
      tagOfAlice(other),
      (error: { temporary?: boolean }) => error.temporary === true,
    );
    hostOf(other, [2, 1]);
    assert.equal(await tagOfAlice(other), tag);
  });

  test(`${engine}: when the service key is lost an account is found by its ID, and there is a new tag key`, async () => {
    await using store = await open();
    const { code } = await withAlice(store);
    const lostTag = await tagOfAlice(store);
    const was = await readBinding(store, idOf(alice));
    assert(was && was.slots.size > 0);
    const strange = hostOf(store, [2]);
    await beginTags(store, strange.clock.now());
    await assert.rejects(tagOfAlice(store), /docs\/operate\/keys\.md/);

    const deps = hostOf(store, [2], true);
    assert.deepEqual(await readBinding(store, idOf(alice)), was);
    await beginTags(store, deps.clock.now());
    assert.notEqual(await tagOfAlice(store), lostTag);
    assert.equal(
      (await came(recoverWithCode(deps, idOf(alice), code, fresh()), "recovered")).keys,
      "kept",
    );
    // Nobody says any more that a key is lost.
    hostOf(store, [2]);
    assert.equal((await readBinding(store, idOf(alice)))?.generation, was.generation + 1);
    const all = await Array.fromAsync(listAudit(store));
    assert(all.some(({ action }) => action === "tag-key.replaced"));
    assert.deepEqual(await fits(store), []);
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
      await assert.rejects(tagOfAlice(store), /no service key of this host opens/);
    }
  });
}
