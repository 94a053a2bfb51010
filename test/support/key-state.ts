/** What an account's keys are at one moment, as people would notice: who gets in, what is published, which mail opens. */
import assert from "node:assert/strict";
import { verifyPassword } from "../../src/vault/login-verifier.ts";
import { after } from "../../src/base/time.ts";
import { listAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import {
  openWithPassword,
  openWithRecoveryCode,
  openWithService,
  type MasterKey,
} from "../../src/vault/master-key.ts";
import { openKey } from "../../src/vault/open-keys.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import { revocationOf } from "../../src/openpgp/certificates/acceptance.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { findById, listPublished } from "../../src/store/keys/certificates.ts";
import { selectGenericRevocation } from "../../src/store/keys/generic-revocations.ts";
import { readAccount } from "../../src/store/accounts/accounts.ts";
import { listMasterKeys, selectSecretKeys, selectSlots } from "../../src/store/keys/vault.ts";
import type { Store } from "../../src/store/store.ts";
import { fresh, old, PEOPLE, secretOf, type EventDeps } from "./key-events.ts";
import { idOf } from "./accounts.ts";

/** A message to each key that there was before, by fingerprint, in the order in which they were made. */
export type Canaries = ReadonlyMap<string, Uint8Array>;

/** Fingerprints of before are in it, those of other keys are "new": so two runs of an event compare. */
export type KeyState = {
  readonly accounts: readonly string[];
  readonly logsIn: readonly string[];
  readonly unlocks: readonly string[];
  readonly active: readonly string[];
  readonly opens: readonly string[];
  readonly ended: readonly string[];
  readonly audit: readonly string[];
};

/** Seals a message to every key. */
export async function sealCanaries(deps: EventDeps): Promise<Canaries> {
  const canaries = new Map<string, Uint8Array>();
  for (const address of Object.values(PEOPLE)) {
    for (const row of await listPublished(deps.store, address)) {
      const data = Buffer.from("canary");
      const recipients = [await certificateIn(row)];
      const now = after(row.createdAt, 1000);
      canaries.set(row.fingerprint, await encryptAtRest({ data, recipients, now }));
    }
  }
  return canaries;
}

/** Looks at everything and changes nothing; what no event may ever leave is refused here. */
export async function stateOf(
  deps: EventDeps,
  canaries: Canaries,
  code: string,
): Promise<KeyState> {
  const state: Lists = { accounts: [], logsIn: [], unlocks: [], opens: [] };
  for (const [name, address] of Object.entries(PEOPLE)) {
    const found = await readAccount(deps.store, idOf(address));
    if (found === undefined) continue;
    const { custody, closedAt } = found.account;
    state.accounts.push(`${name} ${custody}${closedAt === undefined ? "" : " closed"}`);
    await tryWays(deps, name as keyof typeof PEOPLE, canaries, code, state);
    const current = await listMasterKeys(deps.store, idOf(address), "current");
    assert.equal(current.length, 1, "one current master key");
    if (closedAt === undefined) requireOnePassword(state);
  }
  const isGone = state.accounts.length === 0;
  for (const fingerprint of isGone ? [] : canaries.keys()) {
    const isOpened = state.opens.some((line) => line.startsWith(`${fingerprint} `));
    assert(isOpened, `nobody opens what was sealed to ${fingerprint}`);
  }
  assert.equal((await verifyAudit(deps.store)).kind, "intact");
  await requireWholeSlots(deps.store);
  const { active, ended } = await published(deps, canaries);
  const audit = (await Array.fromAsync(listAudit(deps.store))).map(({ action }) => action);
  return { ...state, active, ended, audit };
}

type Lists = Record<"accounts" | "logsIn" | "unlocks" | "opens", string[]>;

/** A provisional account is opened by nobody's password yet; every other by the one that logs in. */
function requireOnePassword({ logsIn, unlocks }: Lists): void {
  assert.equal(logsIn.length, 1, `passwords that log in: ${logsIn.join(", ")}`);
  const byPassword = unlocks.filter((way) => way === "old" || way === "new");
  if (!unlocks.includes("provisional")) assert.deepEqual(byPassword, logsIn);
}

async function tryWays(
  deps: EventDeps,
  name: keyof typeof PEOPLE,
  canaries: Canaries,
  code: string,
  state: Lists,
): Promise<void> {
  const address = PEOPLE[name];
  for (const [way, password] of Object.entries({ old, new: fresh })) {
    using secret = password();
    if ((await verifyPassword(deps, idOf(address), secret)) !== undefined) state.logsIn.push(way);
    using current = await openWithPassword(deps, idOf(address), secret);
    await openCanaries(deps, way, current, canaries, state);
    using former = await openWithPassword(deps, idOf(address), secret, "former");
    await openCanaries(deps, `${way}, parked`, former, canaries, state);
  }
  for (const kind of ["service", "provisional"] as const) {
    using masterKey = await openWithService(deps, idOf(address), [kind]);
    await openCanaries(deps, kind, masterKey, canaries, state);
  }
  if (code === "") return;
  for (const kind of ["current", "former"] as const) {
    using secret = secretOf(code);
    using masterKey = await openWithRecoveryCode(deps, idOf(address), secret, kind);
    await openCanaries(deps, `code, ${kind}`, masterKey, canaries, state);
  }
}

async function openCanaries(
  deps: EventDeps,
  way: string,
  masterKey: MasterKey | undefined,
  canaries: Canaries,
  state: Lists,
): Promise<void> {
  if (masterKey === undefined) return;
  state.unlocks.push(way);
  for (const row of await selectSecretKeys(deps.store, masterKey.id)) {
    using key = await openKey(masterKey, row);
    assert(key, `the row of ${row.fingerprint} does not open`);
    const message = canaries.get(row.fingerprint);
    if (message === undefined) continue;
    const { kind } = await decrypt({ message, keys: [key] });
    if (kind === "decrypted") state.opens.push(`${row.fingerprint} ${way}`);
  }
}

/** Nothing is published by half: what is active can be revoked and opened, what has ended says so itself. */
async function published(
  { store }: EventDeps,
  canaries: Canaries,
): Promise<Pick<KeyState, "active" | "ended">> {
  const [active, ended]: [string[], string[]] = [[], []];
  const wrapped = await store.db.selectFrom("secret_keys").select("fingerprint").execute();
  for (const [name, address] of Object.entries(PEOPLE)) {
    const rows = await listPublished(store, address);
    const current = rows.filter(({ state }) => state === "active");
    assert(current.length <= 1, `${name} has ${String(current.length)} active keys`);
    for (const row of rows) {
      const { fingerprint } = row;
      const label = canaries.has(fingerprint) ? fingerprint : "new";
      assert.equal((await findById(store, fingerprint)).length, 1);
      const revocation = await revocationOf(await certificateIn(row));
      if (row.state === "active") {
        active.push(`${name} ${label}`);
        assert.equal(revocation.kind, "none");
        const kept = await selectGenericRevocation(store, fingerprint);
        assert(kept !== undefined && kept.wrapped.length > 0);
        assert(wrapped.some((one) => one.fingerprint === fingerprint));
      } else {
        ended.push(`${name} ${label} ${row.state} ${revocation.kind}`);
        assert.notEqual(revocation.kind, "none");
      }
    }
  }
  return { active, ended };
}

async function requireWholeSlots(store: Store): Promise<void> {
  const keys = await store.db.selectFrom("master_keys").select("id").execute();
  for (const { id } of keys) assert.notEqual((await selectSlots(store, id)).length, 0, "no slot");
  const slots = await store.db.selectFrom("slots").select("master_key").execute();
  const secrets = await store.db.selectFrom("secret_keys").select("master_key").execute();
  const ids = new Set(keys.map(({ id }) => id));
  for (const row of [...slots, ...secrets]) assert(ids.has(row.master_key), "a row of no key");
}
