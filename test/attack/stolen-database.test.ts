/**
 * A thief has everything on disk (database and its log or a dump, configuration, spooled mail) except the folder of the
 * service key. They open no message with it. With that folder, mail of users whose keys unlock at login stays closed too.
 */
import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openServiceKeys } from "../../src/app/service-key-file.ts";
import { Secret } from "../../src/base/secret.ts";
import { giveToProvider } from "../../src/keys/custody.ts";
import { unwrapVerifier, verifyPassword } from "../../src/vault/login-verifier.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { readRecoveryCode } from "../../src/vault/recovery-code.ts";
import { wrapCopy } from "../../src/vault/rewrap.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import { addressOf } from "../support/address.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { holdAuditKeys } from "../../src/vault/tag-keys.ts";
import { deriveKey, unwrap } from "../../src/vault/wrap.ts";
import { unlockWithPassword } from "../../src/vault/vault.ts";
import type { VaultDeps } from "../../src/vault/vault-deps.ts";
import { login, type LoginDeps } from "../../src/login/login.ts";
import { replacePassword } from "../../src/login/recover.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { readAccount } from "../../src/store/accounts/accounts.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { insertOutbox } from "../../src/store/mail/outbox.ts";
import { appendAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { auditMacUnder } from "../../src/vault/audit-mac.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import { fakeClock } from "../support/clock.ts";
import { engines } from "../support/engines.ts";
import { burgle, filesIn, guesses, lootFrom, opens, passwordKeys } from "../support/loot.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { came } from "../support/outcome.ts";

const KEYS = "keys";
const PART_BYTES = 16;
/** Nonce, 32 octets and tag. */
const WRAPPED_KEY_BYTES = 60;
const COPY = "a-copy-that-waits";
const alice = addressOf("alice@alpha.test");
const bob = addressOf("bob@alpha.test");
const passwordOf = ({ local }: EmailAddress): Secret => Secret.fromText(`${local} keeps this`);

type Scene = AsyncDisposable & {
  readonly dir: string;
  readonly deps: VaultDeps;
  readonly root: Buffer;
  readonly messages: Readonly<Record<"alice" | "bob", Uint8Array>>;
  readonly recoveryCode: string;
  /** The database as the thief opens it, while ours is still open. */
  readonly steal: () => Promise<Store>;
};

for (const { engine, place } of engines()) {
  test(`${engine}: everything on disk but the service key opens no message and no waiting copy`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const loot = await lootFrom(stolen);
    const found = guesses([...loot.values, ...(await smallFiles(scene))]);
    const { master, keys, copies, tried } = await burgle(loot, found.values());
    assert.deepEqual({ master, keys, copies }, { master: [], keys: [], copies: [] });
    assert(tried > 1000 && loot.slots.length === 4 && loot.secretKeys.length === 2);
  });

  test(`${engine}: with the service key's folder too, nothing of users whose keys unlock at login opens`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const loot = await lootFrom(stolen);
    const ofService = [...serviceSecrets(scene).values()];
    const found = guesses([...loot.values, ...(await smallFiles(scene)), ...ofService]);
    const { master, keys, copies } = await burgle(loot, found.values());
    // That bob's opens shows that the key was tried in the right way.
    assert.deepEqual(master, [idOf(bob)]);
    assert.deepEqual(copies, [COPY]);
    assert.equal(await opens(scene.messages.bob, keys), true);
    assert.equal(await opens(scene.messages.alice, keys), false);
  });

  test(`${engine}: with the service key and the right password's key among the guesses the same attempt opens the message`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const loot = await lootFrom(stolen);
    using right = await wrappingKey(scene.deps);
    using service = scene.deps.serviceKeys.current.for("slots");
    const { master, keys } = await burgle(loot, [service, right]);
    assert.deepEqual(master, [idOf(alice), idOf(bob)].toSorted());
    assert.equal(await opens(scene.messages.alice, keys), true);
  });

  test(`${engine}: the database alone does not tell whether a guess at a password is right`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const loot = await lootFrom(stolen);
    using password = passwordOf(alice);
    const salt = (await rowsOf(stolen)).account.login_salt;
    const kept = Buffer.concat(loot.values);
    {
      const { verifier, wrapping } = passwordKeys(password, salt);
      const { master } = await burgle(loot, [verifier, wrapping]);
      assert.deepEqual(master, []);
      for (const key of [verifier, wrapping]) {
        assert(!kept.includes(Buffer.from(key.reveal())));
        for (const value of loot.values.filter(({ length }) => length === WRAPPED_KEY_BYTES)) {
          assert.equal(unwrap(key, value, []), undefined);
        }
      }
    }
    // The same thief with the service key can try: that the right guess shows then proves the attempt.
    const read = await readAccount(scene.deps.store, idOf(alice));
    assert(read);
    const of = { owner: idOf(alice), generation: read.generation };
    using stored = unwrapVerifier(scene.deps.serviceKeys, of, read.login);
    const { verifier } = passwordKeys(password, read.login.salt);
    assert.deepEqual(Buffer.from(verifier.reveal()), Buffer.from(stored?.reveal() ?? []));
  });

  test(`${engine}: login and slot take one Argon2id, and neither key tells the other`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const loot = await lootFrom(stolen);
    const slot = loot.slots.find(({ kind, owner }) => kind === "password" && owner === idOf(alice));
    const read = await readAccount(scene.deps.store, idOf(alice));
    assert(slot && read);
    assert.deepEqual(Buffer.from(read.login.salt), Buffer.from(slot.salt));
    using password = passwordOf(alice);
    const { verifier, wrapping } = passwordKeys(password, slot.salt);
    using service = scene.deps.serviceKeys.current.for("slots");
    const { master } = await burgle(loot, [
      service,
      verifier,
      deriveKey(verifier, "password|wrap"),
    ]);
    assert.deepEqual(master, [idOf(bob)]);
    assert.notDeepEqual(Buffer.from(verifier.reveal()), Buffer.from(wrapping.reveal()));
  });

  test(`${engine}: rows from before a password was changed open nothing when they are written back`, async () => {
    await using scene = await makeScene(await place());
    const { deps } = scene;
    const { db } = deps.store;
    const before = await rowsOf(deps.store);
    using next = Secret.fromText("alice has another one");
    await came(replacePassword(loginDeps(deps), idOf(alice), passwordOf(alice), next), "replaced");
    assert(await openWithPassword(deps, idOf(alice), next));
    const writeBack = async (isGenerationToo: boolean): Promise<void> => {
      for (const slot of before.slots) {
        await db.deleteFrom("slots").where("id", "=", slot.id).execute();
        await db.insertInto("slots").values(slot).execute();
      }
      const { id, generation, ...rest } = before.account;
      const row = isGenerationToo ? { ...rest, generation } : rest;
      await db.updateTable("accounts").set(row).where("id", "=", id).execute();
    };
    for (const isGenerationToo of [false, true]) {
      await writeBack(isGenerationToo);
      assert.equal(await openWithPassword(deps, idOf(alice), passwordOf(alice)), undefined);
      assert.equal(await verifyPassword(deps, idOf(alice), passwordOf(alice)), undefined);
      const request = { address: alice, password: passwordOf(alice), network: "192.0.2.0/24" };
      assert.equal((await login(loginDeps(deps), request)).kind, "refused");
    }
  });

  test(`${engine}: an entry that is forged without the service key makes no row from before count`, async () => {
    await using scene = await makeScene(await place());
    const { deps } = scene;
    const { store } = deps;
    const before = await rowsOf(store);
    const said = await generationEntry(store);
    using next = Secret.fromText("alice has another one");
    await came(replacePassword(loginDeps(deps), idOf(alice), passwordOf(alice), next), "replaced");
    const genuine = await rowsOf(store);
    const write = async ({ slots, account }: typeof before): Promise<void> => {
      for (const slot of [...before.slots, ...genuine.slots]) {
        await store.db.deleteFrom("slots").where("id", "=", slot.id).execute();
      }
      for (const slot of slots) await store.db.insertInto("slots").values(slot).execute();
      const { id, ...row } = account;
      await store.db.updateTable("accounts").set(row).where("id", "=", id).execute();
    };
    const forge = async (macs: typeof store.auditMac): Promise<void> => {
      const { auditMac } = store;
      store.auditMac = macs;
      const detail = JSON.parse(said.detail) as Record<string, string | number>;
      await appendAudit(store, {
        at: deps.clock.now(),
        action: said.action,
        account: idOf(alice),
        detail,
      });
      store.auditMac = auditMac;
    };
    using other = fixedServiceKeys(newServiceRoot());
    for (const macs of [undefined, auditMacUnder(other)]) {
      await write(before);
      await forge(macs);
      assert.equal(await openWithPassword(deps, idOf(alice), passwordOf(alice)), undefined);
      const request = { address: alice, password: passwordOf(alice), network: "192.0.2.0/24" };
      assert.equal((await login(loginDeps(deps), request)).kind, "refused");
    }
    assert.equal((await verifyAudit(store)).kind, "forged");
    // What is genuine still opens, and the next change takes over nothing that was forged.
    await write({ ...genuine, slots: [...genuine.slots, ...before.slots].filter(isFirst) });
    using masterKey = await openWithPassword(deps, idOf(alice), next);
    assert(masterKey);
    await came(giveToProvider(deps, masterKey), "given");
    const { slots } = JSON.parse((await generationEntry(store)).detail) as { slots: string };
    const counted = new Set(genuine.slots.map(({ id }) => id.replaceAll("-", "").slice(0, 16)));
    for (const name of (JSON.parse(said.detail) as { slots: string }).slots.split(" ")) {
      if (!counted.has(name)) assert(!slots.split(" ").includes(name));
    }
  });

  test(`${engine}: what was written back is not taken over by the next change`, async () => {
    await using scene = await makeScene(await place());
    const { deps } = scene;
    const before = await rowsOf(deps.store);
    using next = Secret.fromText("alice has another one");
    await came(replacePassword(loginDeps(deps), idOf(alice), passwordOf(alice), next), "replaced");
    const stillThere = new Set((await rowsOf(deps.store)).slots.map(({ id }) => id));
    for (const slot of before.slots.filter(({ id }) => !stillThere.has(id))) {
      await deps.store.db.insertInto("slots").values(slot).execute();
    }
    using masterKey = await openWithPassword(deps, idOf(alice), next);
    assert(masterKey);
    await came(giveToProvider(deps, masterKey), "given");
    assert.equal(await openWithPassword(deps, idOf(alice), passwordOf(alice)), undefined);
    using opened = await openWithPassword(deps, idOf(alice), next);
    assert(opened);
  });

  test(`${engine}: what is on disk shows no part of a secret`, async () => {
    await using scene = await makeScene(await place());
    await using stolen = await scene.steal();
    const { values } = await lootFrom(stolen);
    const disk = Buffer.concat([...values, ...(await filesIn(scene.dir, KEYS))]);
    for (const [what, secret] of await secretsOf(scene)) {
      const base64 = secret.toString("base64").replace(/=*$/, "");
      for (const text of [secret, Buffer.from(secret.toString("hex")), Buffer.from(base64)]) {
        assert(!disk.includes(text), `the disk shows ${what}`);
      }
    }
    assert(disk.includes(Buffer.from(scene.messages.alice)), "the mail itself is on the disk");
  });
}

function loginDeps(deps: VaultDeps): LoginDeps {
  return { ...deps, keyRules: { profile: "compat" } };
}

/** The last entry that says alice's generation. */
async function generationEntry(store: Store) {
  return store.db
    .selectFrom("audit")
    .selectAll()
    .where("account", "=", idOf(alice))
    .where("detail", "like", '%"generation":%')
    .orderBy("seq", "desc")
    .executeTakeFirstOrThrow();
}

const isFirst = <Row extends { readonly id: string }>(row: Row, at: number, all: readonly Row[]) =>
  all.findIndex(({ id }) => id === row.id) === at;

async function rowsOf({ db }: Store) {
  const slots = await db.selectFrom("slots").selectAll().execute();
  const account = await db
    .selectFrom("accounts")
    .selectAll()
    .where("id", "=", idOf(alice))
    .executeTakeFirstOrThrow();
  return { slots, account };
}

async function makeScene(database: StoreOptions): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-stolen-"));
  opened.defer(async () => rm(dir, { recursive: true, force: true }));
  const keyFile = join(dir, KEYS, "service.key");
  await mkdir(join(dir, KEYS), { mode: 0o700 });
  using root = newServiceRoot();
  await writeFile(keyFile, root.reveal(), { mode: 0o600 });
  const config = `domains = ["alpha.test"]\n[secrets]\nservice_key_file = "${keyFile}"\n`;
  await writeFile(join(dir, "sealpost.toml"), config);
  const store = opened.use(await openStore(database));
  await migrate(store);
  const deps = { store, clock: fakeClock(), serviceKeys: opened.use(openServiceKeys(keyFile)) };
  holdAuditKeys(store, deps.serviceKeys, false);
  const first = await addUser(deps, alice, "unlocks-at-login");
  const second = await addUser(deps, bob, "provider-usable");
  await mkdir(join(dir, "spool"));
  await writeFile(join(dir, "spool", "1.eml"), first.message);
  await writeFile(join(dir, "spool", "2.eml"), second.message);
  await keepCopy(deps);
  const running = opened.move();
  return {
    dir,
    deps,
    root: Buffer.from(root.reveal()),
    messages: { alice: first.message, bob: second.message },
    recoveryCode: first.recoveryCode,
    steal: async () => {
      // Of PostgreSQL a dump has what the tables have.
      if (database.engine !== "sqlite") return openStore({ ...database, readOnly: true });
      const path = join(dir, "sealpost.db");
      for (const end of ["", "-wal"]) await copyFile(`${database.path}${end}`, `${path}${end}`);
      return openStore({ engine: "sqlite", path });
    },
    [Symbol.asyncDispose]: async () => running.disposeAsync(),
  };
}

async function addUser(
  deps: VaultDeps,
  address: EmailAddress,
  custody: "unlocks-at-login" | "provider-usable",
): Promise<{ readonly message: Uint8Array; readonly recoveryCode: string }> {
  const { certificate, recoveryCode = "" } = await enrol(deps, {
    address,
    custody,
    profile: "compat",
    password: passwordOf(address),
    withRecoveryCode: custody === "unlocks-at-login",
  });
  assert(certificate);
  const data = Buffer.from(`the canary of ${address.local}`);
  const now = deps.clock.now();
  return { message: await encryptAtRest({ data, recipients: [certificate], now }), recoveryCode };
}

/** A message that waits for the next hop is wrapped as well. */
async function keepCopy({ store, serviceKeys, clock }: VaultDeps): Promise<void> {
  const now = clock.now();
  const copy = await wrapCopy(serviceKeys, "outbox", COPY, Buffer.from("the canary that waits"));
  const rest = { messageId: "<1@alpha.test>", envelope: "{}" };
  await insertOutbox(store, [
    {
      id: COPY,
      sender: alice,
      account: idOf(alice),
      ...rest,
      ...copy,
      createdAt: now,
    },
  ]);
}

/** The files that are no database: each 32 octets of them are tried. */
async function smallFiles({ dir }: Scene): Promise<readonly Buffer[]> {
  const files = await filesIn(dir, KEYS);
  return files.filter(({ length }) => length < 4096);
}

/** The key of alice's password slot, made by a second implementation. */
async function wrappingKey({ store }: VaultDeps): Promise<Secret> {
  const { slots } = await lootFrom(store);
  const slot = slots.find(({ kind, owner }) => kind === "password" && owner === idOf(alice));
  assert(slot);
  using password = passwordOf(alice);
  return passwordKeys(password, slot.salt).wrapping;
}

function serviceSecrets({ deps, root }: Scene): Map<string, Buffer> {
  const secrets = new Map<string, Buffer>([["the service key", root]]);
  for (const purpose of ["slots", "login", "queue", "revocations", "macs", "sessions"] as const) {
    using key = deps.serviceKeys.current.for(purpose);
    secrets.set(`the service key for ${purpose}`, Buffer.from(key.reveal()));
  }
  return secrets;
}

async function secretsOf(scene: Scene): Promise<ReadonlyMap<string, Buffer>> {
  const { deps, recoveryCode } = scene;
  const secrets = serviceSecrets(scene);
  const code = readRecoveryCode(recoveryCode);
  assert(code.kind === "read");
  secrets.set("the recovery code", Buffer.from(code.secret.reveal()));
  secrets.set("the recovery code's text", Buffer.from(recoveryCode));
  secrets.set("the canary that waits", Buffer.from("the canary that waits"));
  for (const address of [alice, bob]) {
    using password = passwordOf(address);
    using masterKey = await openWithPassword(deps, idOf(address), password);
    using keys = await unlockWithPassword(deps, idOf(address), password);
    using raw = keys?.active?.secretBytes();
    assert(masterKey && raw);
    secrets.set(`${address.local}'s password`, Buffer.from(password.reveal()));
    secrets.set(`${address.local}'s canary`, Buffer.from(`the canary of ${address.local}`));
    secrets.set(`${address.local}'s master key`, Buffer.from(masterKey.secret.reveal()));
    const publicPart = Buffer.from(keys?.active?.certificate.bytes ?? []);
    const secretKey = Buffer.from(raw.reveal());
    for (let at = 0; at + PART_BYTES <= secretKey.length; at += 1) {
      const part = secretKey.subarray(at, at + PART_BYTES);
      if (!publicPart.includes(part)) secrets.set(`${address.local}'s secret key at ${at}`, part);
    }
  }
  secrets.set("alice's wrapping key", Buffer.from((await wrappingKey(deps)).reveal()));
  return secrets;
}
