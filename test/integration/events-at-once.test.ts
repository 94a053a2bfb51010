/** Many accounts change at the same time, and none of their transactions waits for another one in a circle. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { signHead } from "../../src/journal/audit-heads.ts";
import { appendAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { addAlias, removeAlias } from "../../src/keys/alias.ts";
import { closeAccount, eraseByLaw } from "../../src/keys/end-account.ts";
import { countReleases, recordRelease } from "../../src/keys/releases.ts";
import { renameAccount } from "../../src/keys/rename.ts";
import { publishRevocation, revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { enrol } from "../../src/login/enrol.ts";
import type { Fingerprint } from "../../src/openpgp/packets/fingerprint.ts";
import { findPublished, listAllPublished } from "../../src/store/keys/certificates.ts";
import { readPublishedFile } from "../../src/store/keys/published-file.ts";
import { publishedVersion } from "../../src/store/keys/published-version.ts";
import { shardOf } from "../../src/store/journal/audit-shards.ts";
import type { Store } from "../../src/store/store.ts";
import { selectSecretKeys } from "../../src/store/keys/vault.ts";
import { updatePublished } from "../../src/store/keys/publish.ts";
import { forgetReleased, insertAlias } from "../../src/store/accounts/addresses.ts";
import { revokeFresh } from "../../src/openpgp/keys/revocation.ts";
import { openWithService } from "../../src/vault/master-key.ts";
import { openKey } from "../../src/vault/open-keys.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { newAccountId, type AccountId } from "../../src/words/account.ts";
import { addressOf } from "../support/address.ts";
import { came } from "../support/outcome.ts";
import { engines } from "../support/engines.ts";
import { depsFor, type Deps } from "../support/key-life.ts";

/** So few that events of different accounts meet in each of them. */
const SHARDS = 3;
/** How many accounts; all at once are more than there are connections. */
const ACCOUNTS = 16;

function idIn(shard: number): AccountId {
  for (;;) {
    const id = newAccountId();
    if (shardOf(id) === shard) return id;
  }
}

/** Runs what another process does, outside of the transaction that is open here. */
const outside = AsyncResource.bind(async (work: () => Promise<unknown>) => work());

const addressFor = (number: number, name = "user") => addressOf(`${name}${number}@alpha.test`);

/** Everything that may happen to an account; every third one is erased in the end. */
async function live(deps: Deps, owner: AccountId, number: number): Promise<void> {
  const { keyRules: rules } = deps;
  const address = addressFor(number);
  const rotate = async (): Promise<void> => {
    using masterKey = await openWithService(deps, owner);
    assert(masterKey);
    const rotation = { reason: "superseded", text: "" } as const;
    await came(rotateKey(deps, rules, masterKey, { ...rotation, address }), "rotated");
  };
  await rotate();
  const alias = addressFor(number, "alias");
  await came(addAlias(deps, rules, owner, alias, undefined), "added");
  const name = addressFor(number, "renamed");
  await came(renameAccount(deps, rules, owner, name, undefined), "renamed");
  await came(removeAlias(deps, owner, alias, undefined), "released");
  const wish = { owner, address, masterKey: undefined, text: "" } as const;
  await came(revokeKey(deps, { ...wish, reason: "compromised" }), "revoked");
  await rotate();
  if (number % 3 === 0) await came(eraseByLaw(deps, owner), "erased");
  if (number % 3 === 1) await came(closeAccount(deps, owner, undefined), "closed");
}

for (const { engine, open } of engines()) {
  test(`${engine}: rotations, revocations, renames and erasures of many accounts at once all end`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "sealpost-at-once-"));
    await using _ = { [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }) };
    await using store = await open();
    store.publishedFile = join(dir, "published");
    const limits = { alarmPerHour: 1000, alarmPerDay: 1000, stopPerDay: 1000 };
    const deps = { ...depsFor(store), releaseLimits: limits };
    const done = new AbortController();
    const signing = (async () => {
      while (!done.signal.aborted) {
        assert.equal((await signHead(store)).kind, "signed");
        // SQLite answers in this thread: others get their turn.
        await setTimeout(10);
      }
    })();
    const numbers = Array.from({ length: ACCOUNTS }, (_none, number) => number);
    const made = { custody: "provider-usable", profile: "compat" } as const;
    const results = await Promise.allSettled(
      numbers.map(async (number) => {
        const id = idIn(number % SHARDS);
        await enrol(deps, { ...made, id, address: addressFor(number) });
        await live(deps, id, number);
      }),
    );
    done.abort();
    await signing;
    const failed = results.filter(({ status }) => status === "rejected");
    assert.deepEqual(failed, []);
    assert.equal((await verifyAudit(store)).kind, "intact");
    // Each account: two rotations without the user, of which the second found no active key, and one revocation.
    const closed = numbers.filter((number) => number % 3 === 1).length;
    assert.equal((await countReleases(store, deps.clock.now())).day, 2 * ACCOUNTS + closed);
    assert((await publishedVersion(store)) >= 4 * ACCOUNTS);
    const file = await readPublishedFile(store.publishedFile);
    assert(file);
    const states = (all: readonly { fingerprint: string; state: string }[]) =>
      all.map(({ fingerprint, state }) => `${fingerprint} ${state}`).toSorted();
    assert.deepEqual(states(file.certificates), states(await listAllPublished(store)));
  });

  test(`${engine}: of an address and a longer one of its own that two accounts want at once, one is given`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const [one, other] = [idIn(1), idIn(2)];
    const made = { custody: "user-device-only", profile: "compat" } as const;
    await enrol(deps, { ...made, id: one, address: addressFor(1) });
    await enrol(deps, { ...made, id: other, address: addressFor(2) });
    const short = addressOf("shared@alpha.test");
    let adding: Promise<unknown> = Promise.resolve();
    await store.transaction(async (tx) => {
      const within = { ...deps, store: tx };
      await addAlias(within, deps.keyRules, one, short, undefined);
      const longer = addressOf("shared+more@alpha.test");
      adding = outside(async () => addAlias(deps, deps.keyRules, other, longer, undefined));
      // It ends before the other one is given, if it does not wait.
      await Promise.race([setTimeout(500), adding]);
    });
    assert.deepEqual(await adding, { kind: "address-shadowed", base: short });
  });

  test(`${engine}: who asks for an address and the account that releases it let each other end`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const [one, other] = [idIn(1), idIn(1)];
    const made = { custody: "user-device-only", profile: "compat" } as const;
    await enrol(deps, { ...made, id: one, address: addressFor(1) });
    await enrol(deps, { ...made, id: other, address: addressFor(2) });
    const shared = addressOf("shared@alpha.test");
    await came(addAlias(deps, deps.keyRules, one, shared, undefined), "added");
    let releasing: Promise<unknown> = Promise.resolve();
    await store.transaction(async (tx) => {
      // As whoever takes an address: first the end of the shard, then the row.
      await appendAudit(tx, { at: deps.clock.now(), action: "x", account: other });
      releasing = outside(async () => removeAlias(deps, one, shared, undefined));
      await setTimeout(300);
      await forgetReleased(tx, shared);
      await insertAlias(tx, other, { address: shared, createdAt: deps.clock.now() });
    });
    assert.deepEqual(await releasing, { kind: "released" });
  });

  test(`${engine}: who logs and then changes a published key, and who uploads its revocation, let each other end`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const [one, other] = [idIn(1), idIn(1)];
    const made = { custody: "provider-usable", profile: "compat" } as const;
    await enrol(deps, { ...made, id: one, address: addressFor(1) });
    const row = await findPublished(store, addressFor(1));
    assert(row);
    const certificate = await certificateIn(row);
    using masterKey = await openWithService(deps, one);
    assert(masterKey);
    const [kept = assert.fail()] = await selectSecretKeys(store, masterKey.id);
    using key = await openKey(masterKey, kept);
    assert(key);
    const now = deps.clock.now();
    const revoked = await revokeFresh({ key, certificate, reasonCode: 2, text: "", now });
    let publishing: Promise<unknown> = Promise.resolve();
    await store.transaction(async (tx) => {
      await appendAudit(tx, { at: now, action: "x", account: other });
      publishing = outside(async () =>
        came(publishRevocation(deps, one, revoked.bytes), "published"),
      );
      await setTimeout(300);
      await updatePublished(tx, row.fingerprint, row);
    });
    await publishing;
    assert.equal((await findPublished(store, addressFor(1)))?.state, undefined);
  });

  test(`${engine}: who logs and then releases a revocation, and who releases one only, let each other end`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const [one, other] = [idIn(1), idIn(1)];
    const release = { fingerprint: "AB".repeat(20) as Fingerprint, by: "generic" } as const;
    const released = async (tx: Store, account: AccountId): Promise<void> =>
      recordRelease(deps, tx, { ...release, account, isOwnAct: false });
    let releasing: Promise<unknown> = Promise.resolve();
    await store.transaction(async (tx) => {
      await appendAudit(tx, { at: deps.clock.now(), action: "x", account: one });
      releasing = outside(async () => store.transaction(async (own) => released(own, other)));
      await setTimeout(300);
      await released(tx, one);
    });
    await releasing;
    assert.equal((await countReleases(store, deps.clock.now())).day, 2);
  });
}
