/**
 * Fifty clients rotate, revoke and look up at once. The audit log has the order in which it all was committed; every
 * look-up is held against it: what was there when it began, or something later that was there before it ended.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makePki } from "../../lab/pki.ts";
import { openServiceKeys } from "../../src/app/service-key-file.ts";
import { systemClock } from "../../src/base/time.ts";
import { listAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { listPublished } from "../../src/store/keys/certificates.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import type { Store, StoreOptions } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { openTestStore } from "../support/tag-keys.ts";
import { engines } from "../support/engines.ts";
import type { KeyClientOrder, KeyClientSight } from "../support/key-client-process.ts";
import { startTestKeyserver } from "../support/test-keyserver.ts";
import { enrol, idOf } from "../support/accounts.ts";

const CLIENTS = 50;
const RUN_MS = 5000;
const PROGRAM = join(import.meta.dirname, "../support/key-client-process.ts");
const WITHOUT_END = Number.MAX_SAFE_INTEGER / 2;

const ADDRESSES = Array.from({ length: 8 }, (_, at) => ({
  address: `user${String(at)}@alpha.test`,
  isRevocable: at % 2 === 1,
}));

for (const { engine, place } of engines()) {
  const processes = engine === "sqlite" ? 1 : 2;
  const where = `${String(processes)} ${processes === 1 ? "process" : "processes"}`;
  test(`${engine}: ${String(CLIENTS)} clients in ${where} never see two keys, a missing one or a stale one`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "sealpost-clients-"));
    try {
      const database = await place();
      const keyFile = join(dir, "service.key");
      await using store = await openTestStore(database);
      await prepare(store, keyFile);
      const sights = await runClients(dir, database, keyFile, processes);
      let [changes, lookUps] = [0, 0];
      for (const { address, isRevocable } of ADDRESSES) {
        const own = sights.filter((sight) => sight.address === address);
        const history = await historyOf(store, addressOf(address));
        assert(isRevocable || !history.includes(NONE), "an address that was only rotated had none");
        const made = own.filter((sight) => !isLookUp(sight));
        const placed = made.map((sight) => ({ ...sight, at: placeOf(sight, history) }));
        for (const sight of own.filter(isLookUp)) requireFresh(sight, placed, history);
        changes += history.length - 1;
        lookUps += own.filter(isLookUp).length;
        const states = (await listPublished(store, addressOf(address))).map(({ state }) => state);
        const isActive = history.at(-1) === NONE ? 0 : 1;
        assert.equal(states.filter((state) => state === "active").length, isActive);
      }
      assert.equal((await verifyAudit(store)).kind, "intact");
      assert(changes > ADDRESSES.length && lookUps > ADDRESSES.length);
      t.diagnostic(`${String(changes)} changes, ${String(lookUps)} look-ups`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

const NONE = "none";

async function prepare(store: Store, keyFile: string): Promise<void> {
  await migrate(store);
  using root = newServiceRoot();
  await writeFile(keyFile, root.reveal(), { mode: 0o600 });
  using serviceKeys = openServiceKeys(keyFile);
  const deps = { store, serviceKeys, clock: systemClock };
  for (const { address } of ADDRESSES) {
    const custody = "provider-usable";
    await enrol(deps, { address: addressOf(address), custody, profile: "compat" });
  }
}

/** All begin at one moment; the keyserver is in this process, which changes nothing. */
async function runClients(
  dir: string,
  database: StoreOptions,
  keyFile: string,
  processes: number,
): Promise<readonly KeyClientSight[]> {
  const pki = await makePki(dir);
  const tls = await pki.issue(["keys.alpha.test"]);
  const limits = { addressMissesPerMinute: WITHOUT_END, lookUpsPerMinute: WITHOUT_END };
  await using keyserver = await startTestKeyserver(tls, { database, limits });
  const order: Omit<KeyClientOrder, "seed"> = {
    database,
    keyFile,
    addresses: ADDRESSES,
    runMs: RUN_MS,
    clients: CLIENTS / processes,
    keyserver: { host: keyserver.host, port: keyserver.port, ca: pki.ca },
  };
  const children = Array.from({ length: processes }, (_, at) =>
    fork(PROGRAM, [JSON.stringify({ ...order, seed: at * CLIENTS })]),
  );
  try {
    const exits = children.map(async (child) => once(child, "exit"));
    const said = async (): Promise<readonly unknown[]> =>
      Promise.all(
        children.map(async (child, at) => {
          const heard = once(child, "message").then(([message]: unknown[]) => message);
          const exit = exits[at]?.then(() => {
            throw new Error("a process of clients ended");
          });
          return Promise.race([heard, exit]);
        }),
      );
    await said();
    const answers = said();
    for (const child of children) child.send("go");
    const sights = (await answers) as readonly (readonly KeyClientSight[])[];
    for (const exit of exits) assert.deepEqual((await exit)[0], 0);
    return sights.flat();
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** What was published for an address, one after the other: a fingerprint, or none. */
async function historyOf(store: Store, address: EmailAddress): Promise<readonly string[]> {
  const history: string[] = [];
  const entries = await Array.fromAsync(listAudit(store, idOf(address)));
  for (const { action, detail } of entries.toSorted((a, b) => a.seq - b.seq)) {
    const fingerprint = String(detail["fingerprint"]);
    if (action === "key.created" || action === "key.rotated") {
      const previous = action === "key.rotated" ? detail["previous"] : undefined;
      const expected = history.length === 0 || history.at(-1) === NONE ? undefined : history.at(-1);
      assert.equal(previous, expected, "a key was replaced that was not the active one");
      history.push(fingerprint);
    } else if (action === "key.revoked") {
      assert.equal(fingerprint, history.at(-1), "a key was revoked that was not the active one");
      history.push(NONE);
    }
  }
  return history;
}

function isLookUp({ did }: KeyClientSight): boolean {
  return did !== "rotate" && did !== "revoke";
}

/** Where in the history a change led to. */
function placeOf({ did, fingerprints }: KeyClientSight, history: readonly string[]): number {
  const at = history.indexOf(fingerprints[0] ?? "");
  assert(at >= 0, "a change that is not in the audit log");
  return did === "rotate" ? at : at + 1;
}

function requireFresh(
  sight: KeyClientSight,
  changes: readonly (KeyClientSight & { readonly at: number })[],
  history: readonly string[],
): void {
  const { did, fingerprints } = sight;
  assert(fingerprints.length <= 1, `${did}: ${String(fingerprints.length)} active keys`);
  let [earliest, latest] = [0, history.length - 1];
  for (const { at, began, ended } of changes) {
    if (ended < sight.began) earliest = Math.max(earliest, at);
    if (began > sight.ended) latest = Math.min(latest, at - 1);
  }
  const possible = history.slice(earliest, latest + 1);
  const seen = fingerprints[0] ?? NONE;
  assert(possible.includes(seen), `${did}: stale, or never published: ${seen}`);
}
