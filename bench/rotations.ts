/**
 * `npm run bench -- rotations`: how many rotations a second each engine takes, where eight users rotate their keys at the same
 * time. The new keys are made ahead. What is left is a transaction each: the revocation of the old key, the rows, the audit
 * entries, the file of what is published, and a commit that is durable. One after the other stands beside it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../lab/postgres.ts";
import { Secret } from "../src/base/secret.ts";
import { systemClock } from "../src/base/time.ts";
import { changeKeys, requireCurrent } from "../src/keys/keys.ts";
import { makeKey, type NewKey } from "../src/keys/new-key.ts";
import { replaceKey } from "../src/keys/rotate.ts";
import { enrol } from "../src/login/enrol.ts";
import { parseAddress, type EmailAddress } from "../src/mail/address.ts";
import { migrate } from "../src/store/engine/migrate.ts";
import { openServingStore } from "../src/store/engine/serving-store.ts";
import type { StoreOptions } from "../src/store/store.ts";
import { openWithPassword, type MasterKey } from "../src/vault/master-key.ts";
import { newServiceRoot } from "../src/vault/service-key.ts";
import { holdAuditKeys } from "../src/vault/tag-keys.ts";
import type { VaultDeps } from "../src/vault/vault-deps.ts";
import { fixedServiceKeys } from "../test/support/service-keys.ts";
import { quantile } from "./figures/quantile.ts";

const USERS = 8;
/** How many rotations of each user are measured, after some that are not. */
const ROTATIONS = 60;
const WARM_UP = 5;
const profile = "compat";

type User = { readonly address: EmailAddress; readonly masterKey: MasterKey };

/** Prints a row for each engine. */
export async function run(): Promise<boolean> {
  console.log(`rotations a second; ${USERS} users, ${ROTATIONS} rotations each`);
  console.log("engine    one at a time  all at once  p50 ms  p95 ms");
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-rotations-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const postgres = ends.use(await startPostgres({ isDurable: true }));
  const places: readonly StoreOptions[] = [
    { engine: "sqlite", path: join(dir, "sealpost.db") },
    { engine: "postgres", url: await postgres.newDatabase() },
  ];
  for (const place of places) await measure(place, join(dir, `published-${place.engine}`));
  return true;
}

async function measure(place: StoreOptions, publishedFile: string): Promise<void> {
  await using store = await openServingStore(place);
  await migrate(store);
  using serviceKeys = fixedServiceKeys(newServiceRoot());
  holdAuditKeys(store, serviceKeys, false);
  store.publishedFile = publishedFile;
  const deps = { store, serviceKeys, clock: systemClock };
  const users: User[] = [];
  for (let number = 0; number < USERS; number += 1) users.push(await addUser(deps, number));
  await rotateAll(deps, users, WARM_UP, "at once");
  const alone = await rotateAll(deps, users, ROTATIONS, "one at a time");
  const together = await rotateAll(deps, users, ROTATIONS, "at once");
  const [p50, p95] = [0.5, 0.95].map((part) => quantile(together.times, part).toFixed(0));
  console.log(
    place.engine.padEnd(10) +
      alone.perSecond.toFixed(0).padStart(13) +
      together.perSecond.toFixed(0).padStart(13) +
      p50?.padStart(8) +
      p95?.padStart(8),
  );
  for (const { masterKey } of users) masterKey[Symbol.dispose]();
}

async function addUser(deps: VaultDeps, number: number): Promise<User> {
  const address = parseAddress(`user${number}@alpha.test`);
  assert(address);
  const password = Secret.fromText("the right password");
  const wanted = { custody: "unlocks-at-login", profile, address, password } as const;
  const enrolled = await enrol(deps, wanted);
  assert(enrolled.kind === "enrolled");
  const { id } = enrolled.account;
  const masterKey = await openWithPassword(deps, id, Secret.fromText("the right password"));
  assert(masterKey);
  return { address, masterKey };
}

async function rotateAll(
  deps: VaultDeps,
  users: readonly User[],
  count: number,
  how: "at once" | "one at a time",
): Promise<{ readonly perSecond: number; readonly times: readonly number[] }> {
  const work: { user: User; keys: NewKey[] }[] = [];
  for (const user of users) {
    const keys: NewKey[] = [];
    const { address } = user;
    while (keys.length < count)
      keys.push(await makeKey(deps, user.masterKey, { address, profile }));
    work.push({ user, keys });
  }
  const times: number[] = [];
  const begun = performance.now();
  const each = async ({ user, keys }: { user: User; keys: NewKey[] }): Promise<void> => {
    for (const key of keys) {
      const since = performance.now();
      await rotate(deps, user, key);
      times.push(performance.now() - since);
    }
  };
  if (how === "at once") await Promise.all(work.map(each));
  else for (const one of work) await each(one);
  return { perSecond: times.length / ((performance.now() - begun) / 1000), times };
}

/** As `rotateKey`, with a key that is there. */
async function rotate(deps: VaultDeps, { address, masterKey }: User, key: NewKey): Promise<void> {
  const { owner } = masterKey;
  await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    const rotation = { owner, address, reason: "superseded", text: "" } as const;
    await replaceKey(deps, tx, masterKey, rotation, key);
  });
}
