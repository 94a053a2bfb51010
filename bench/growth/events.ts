/** What is measured: what happens for one user, and each periodic task. */
import { randomBytes } from "node:crypto";

import { findReader } from "../../src/accounts/accounts.ts";
import { DAY, after, systemClock } from "../../src/base/time.ts";
import { locked } from "../../src/incoming/verdicts.ts";
import { recordTrace } from "../../src/journal/trace.ts";
import { readBinding } from "../../src/vault/binding.ts";
import { GRACE_MS } from "../../src/keys/end-account.ts";
import { keysThatEnd, WARN_BEFORE_MS } from "../../src/keys/expiry-warnings.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { standingAlarms } from "../../src/keys/releases.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { checkServiceKey } from "../../src/vault/service-key-log.ts";
import { EXTEND_BEFORE_MS } from "../../src/keys/upkeep.ts";
import { purgeAttempts } from "../../src/login/attempts.ts";
import { login, type LoginDeps } from "../../src/login/login.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { cameProtected } from "../../src/mailbox/came-protected.ts";
import { recordVerdict, waitingAccounts } from "../../src/spool/spool.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { roomFor } from "../../src/mailbox/room.ts";
import type { MessageId } from "../../src/mailbox/mailbox.ts";
import type { Secret } from "../../src/base/secret.ts";
import {
  listAccountsWithoutKeys,
  listClosedAccounts,
  walkAccounts,
} from "../../src/store/accounts/accounts.ts";
import { purgeReleased } from "../../src/store/accounts/addresses.ts";
import { readAuditEnds } from "../../src/store/journal/audit-ends.ts";
import { readCache, readContinuity } from "../../src/store/discovery/cache.ts";
import { countExpiring, findPublished } from "../../src/store/keys/certificates.ts";
import { readLatestTime, writeProbe } from "../../src/store/discovery/clock-seen.ts";
import { eraseAccount } from "../../src/store/accounts/erase.ts";
import { takeDue } from "../../src/jobs/jobs.ts";
import { queueFigures, pendingFigures } from "../../src/store/mail/queue-figures.ts";
import { purgeReserved } from "../../src/store/accounts/reserved-addresses.ts";
import {
  forgetServiceKeyUsers,
  noteServiceKeyUser,
} from "../../src/store/keys/service-key-users.ts";
import { slotsUnderOthers } from "../../src/store/keys/service-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { purgeTrace } from "../../src/store/journal/trace.ts";
import { addressOf } from "../../test/support/address.ts";
import { manyAddress } from "../../test/support/many-rows.ts";

/** One that is run in a transaction that is undone. */
export type Measured = { readonly name: string; readonly run: (tx: Store) => Promise<unknown> };

/** The user whose events are measured, with keys that are keys. */
export type User = {
  readonly address: EmailAddress;
  readonly password: () => Secret;
  readonly deps: LoginDeps;
  readonly account: Parameters<typeof readBinding>[1];
};

/** How many messages the mailbox has that a reply is checked against. */
export const IN_MAILBOX = 200;

/** What users cause. */
export function eventsOf(user: User): readonly Measured[] {
  const { address, account } = user;
  const friend = addressOf(manyAddress(7));
  const stranger = addressOf(`friend-of-${manyAddress(9)}`);
  const decided = async (tx: Store, direction: "in" | "out", step: string): Promise<void> =>
    recordTrace(tx, { messageId: "<m@x>", at: now(), direction, step, detail: { address: "a@b" } });
  return [
    {
      name: "login",
      run: async (tx) => {
        const request = { address, network: "192.0.2.0/24", password: user.password() };
        const done = await login({ ...user.deps, store: tx }, request);
        if (done.kind !== "ok") throw new Error(`the login came to ${done.kind}`);
      },
    },
    {
      name: "submission",
      run: async (tx) => {
        await readBinding(tx, account);
        await findReader(tx, friend);
        await findPublished(tx, friend);
        await readCache(tx, stranger, now());
        await readContinuity(tx, stranger.domain);
        await cameProtected(tx, account, ["<answered@elsewhere.test>"]);
        for (const step of ["plan", "relayed", "answer"]) await decided(tx, "out", step);
      },
    },
    {
      name: "delivery, opened",
      run: async (tx) => {
        await findReader(tx, address);
        await roomFor(tx, account, { mailboxBytes: 1e9, pendingBytes: 1e9 }, 20_000);
        const id = await arrive(tx, user);
        for (const step of ["stored", "answer"]) await decided(tx, "in", step);
        const done = locked(now());
        await recordVerdict(tx, account, id, done, { summary: new Uint8Array(60) });
      },
    },
    {
      name: "rotation",
      run: async (tx) => {
        const deps = { ...user.deps, store: tx };
        using masterKey = await openWithPassword(deps, account, user.password());
        if (masterKey === undefined) throw new Error("the master key does not open");
        const rotation = { address, reason: "superseded", text: "" } as const;
        await rotateKey(deps, { profile: "compat" }, masterKey, rotation);
      },
    },
  ];
}

/** A message of 20 KB for the user. */
export async function arrive(store: Store, { account }: User): Promise<MessageId> {
  return haveWaiting(store, {
    account,
    body: randomBytes(20_000),
    form: "sealed",
    verdict: locked(now()),
    receivedAt: now(),
    sizeBytes: 20_000,
    outerFrom: "friend@elsewhere.test",
    messageId: `<${randomBytes(8).toString("hex")}@elsewhere.test>`,
  });
}

/** The tasks of the schedule, by what they ask of the database; `DUE` rows are due for each. */
export function tasksOf({ deps }: User): readonly Measured[] {
  const { serviceKeys } = deps;
  const serviceKey = serviceKeys.current.id;
  const ending = (withinMs: number) => async (store: Store) =>
    Array.fromAsync(keysThatEnd({ store, clock: systemClock }, withinMs));
  return [
    { name: "purge trace", run: async (tx) => purgeTrace(tx, now()) },
    { name: "purge attempts", run: async (tx) => purgeAttempts(tx, now()) },
    { name: "outbox", run: async (tx) => takeDue({ store: tx, clock: { now } }, "outbox") },
    { name: "what waits", run: waitingAccounts },
    { name: "make keys", run: async (tx) => listAccountsWithoutKeys(tx, 60) },
    { name: "extend keys", run: ending(EXTEND_BEFORE_MS) },
    { name: "warn of ends", run: ending(WARN_BEFORE_MS) },
    {
      name: "delete closed: list",
      run: async (tx) => listClosedAccounts(tx, after(now(), -GRACE_MS)),
    },
    {
      name: "delete closed: one",
      run: async (tx) => {
        const [closed] = await listClosedAccounts(tx, after(now(), -GRACE_MS));
        if (closed !== undefined) await eraseAccount(tx, closed.id, now());
      },
    },
    { name: "purge reserved", run: async (tx) => purgeReserved(tx, now()) },
    { name: "purge released", run: async (tx) => purgeReleased(tx, now()) },
    {
      name: "service key",
      run: async (tx) => {
        await noteServiceKeyUser(tx, { process: "p", serviceKey, seenAt: now() });
        await forgetServiceKeyUsers(tx, { notSince: after(now(), -DAY) });
        await checkServiceKey({ ...deps, store: tx });
      },
    },
    {
      name: "database, clock, head",
      run: async (tx) => {
        await writeProbe(tx);
        await readLatestTime(tx);
        await readAuditEnds(tx);
      },
    },
    { name: "released revocations", run: async (tx) => standingAlarms(tx) },
    {
      name: "metrics",
      run: async (tx) => {
        await queueFigures(tx, "outbox");
        await pendingFigures(tx);
        for (const days of [3, 14, 30]) await countExpiring(tx, now(), after(now(), days * DAY));
      },
    },
    {
      name: "slots to wrap again",
      run: async (tx) =>
        slotsUnderOthers(tx, "password", serviceKey, { after: undefined, limit: 200 }),
    },
    { name: "a page of accounts", run: async (tx) => walkAccounts(tx).next() },
  ];
}

function now(): Date {
  return systemClock.now();
}
