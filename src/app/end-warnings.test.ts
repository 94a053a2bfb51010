/** Which users are told that their key ends, and how often. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { NOBODY_ASKED } from "../../test/support/authors.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, depsFor, network, old, withAlice, type Deps } from "../../test/support/key-life.ts";
import { allMail, mailboxesWith, storedBody } from "../../test/support/mailboxes.ts";
import { came } from "../../test/support/outcome.ts";
import { blobsIn } from "../../test/support/spool.ts";
import { openTestStore } from "../../test/support/tag-keys.ts";
import { findReader } from "../accounts/accounts.ts";
import { after, DAY, HOUR } from "../base/time.ts";
import { deliver } from "../incoming/incoming.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import { listAudit } from "../journal/journal.ts";
import { closeAccount } from "../keys/end-account.ts";
import { publishOwnCertificate } from "../keys/import-key.ts";
import { revokeKey } from "../keys/revoke.ts";
import { login } from "../login/login.ts";
import { parseDomain } from "../mail/address.ts";
import { extendExpiry } from "../openpgp/keys/extend.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { sendDue, type OutboxDeps } from "../outgoing/outbox.ts";
import { traceOutgoing } from "../outgoing/tracing.ts";
import { updateAccount } from "../store/accounts/accounts.ts";
import { migrate } from "../store/engine/migrate.ts";
import { findPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { wrapFor } from "./at-rest.ts";
import { warnOfEnds, type NoticeDeps } from "./end-warnings.ts";
import { startEvents } from "./events.ts";

const hostname = parseDomain("mail.alpha.test") ?? assert.fail();
const notices: NoticeDeps = {
  hostname,
  language: () => "en",
  wrap: async (_id, bytes) => Promise.resolve({ wrapped: bytes, serviceKey: "" }),
};

function partsOf(deps: Deps, store: Store = deps.store) {
  return { ...deps, store, events: startEvents("silent") };
}

/** One round of the task, and then one of the outbox, whose next hop is our own way in. Gives the texts that came. */
async function round(deps: Deps, through: NoticeDeps = notices): Promise<readonly string[]> {
  await warnOfEnds(partsOf(deps), through);
  return sent(deps);
}

async function sent(deps: Deps): Promise<readonly string[]> {
  const { store } = deps;
  const texts: string[] = [];
  const outbox: OutboxDeps = {
    ...deps,
    ...notices,
    unwrap: async (_id, { wrapped }) => Promise.resolve(wrapped),
    trace: traceOutgoing(() => undefined),
    relay: async (envelope, message) => {
      assert.equal(envelope.from, undefined);
      texts.push(Buffer.from(message).toString());
      const received = { protocol: "LMTP", client: "relay" };
      const [delivery] = await deliver(wayInOf(deps, store), { envelope, message, received });
      assert.equal(delivery?.kind, "stored");
      const outcome = { kind: "accepted", text: "ok" } as const;
      return { recipients: envelope.recipients.map((address) => ({ address, outcome })) };
    },
  };
  await sendDue(outbox);
  return texts;
}

function wayInOf(deps: Deps, store: Store): Parameters<typeof deliver>[0] {
  return {
    store,
    blobs: blobsIn(store),
    clock: deps.clock,
    hostname,
    isOurs: () => true,
    findAccount: async (address) => findReader(store, address),
    hasRoom: async () => Promise.resolve(true),
    wrapFor: async (account, data) => wrapFor(deps, account, data),
    mailboxOf: mailboxesWith(deps.clock, async (account, data) => wrapFor(deps, account, data)),
    arrived: () => assert.fail("nothing waits"),
    trace: traceIncoming(async () => Promise.resolve()),
    failed: (error) => {
      throw error;
    },
    isReader: async () => Promise.resolve(false),
    ...NOBODY_ASKED,
  };
}

async function bringOwn(deps: Deps) {
  const raw = await generateKey({ address: alice, profile: "compat", now: deps.clock.now() });
  await bring(deps, raw.certificate);
  return raw;
}

async function bring(
  deps: Deps,
  certificate: Parameters<typeof publishOwnCertificate>[1]["certificate"],
): Promise<void> {
  const rest = { revocation: undefined, masterKey: undefined };
  await came(
    publishOwnCertificate(deps, { owner: idOf(alice), address: alice, certificate, ...rest }),
    "imported",
  );
}

/** Moves the clock to so many days before the active key ends. */
async function goTo(deps: Deps, daysBefore: number): Promise<void> {
  const end = (await findPublished(deps.store, alice))?.expiresAt;
  assert(end);
  deps.clock.set(after(end, -daysBefore * DAY));
}

for (const { engine, open, place } of engines()) {
  test(`${engine}: who has his key himself is told 30, 14 and 3 days before it ends, once each, also over a restart`, async () => {
    const database = await place();
    await using first = await openTestStore(database);
    await migrate(first);
    const { deps: before } = await withAlice(first);
    const { certificate, secretKey } = await bringOwn(before);
    await using second = await openTestStore(database);
    const restarted: Deps = { ...before, store: second };
    const seen: string[] = [];
    for (const days of [61, 31, 29.9, 29, 15, 13.9, 4, 2.9, 1, 0.1, -0.1, -1]) {
      await goTo(before, days);
      const told = [
        ...(await round(before)),
        ...(await round(before)),
        ...(await round(restarted)),
      ];
      seen.push(...told.map((text) => `${days}: ${/in (\d+ days)/.exec(text)?.[1] ?? ""}`));
      assert(told.every((text) => text.includes("own device")));
    }
    assert.deepEqual(seen, ["29.9: 30 days", "13.9: 14 days", "2.9: 3 days"]);
    const entries = (await Array.fromAsync(listAudit(first, idOf(alice)))).filter(
      ({ action }) => action === "key.ending",
    );
    assert.deepEqual(
      entries.map(({ detail }) => [detail["days"], detail["fingerprint"]]),
      [30, 14, 3].map((days) => [days, certificate.fingerprint]),
    );
    // Extended there and brought again: it is told of the next end, and only of that one.
    await goTo(before, 20);
    const now = before.clock.now();
    using key = await readSecretKey(secretKey);
    const extended = await extendExpiry({ key, certificate, expires: after(now, 90 * DAY), now });
    await bring(before, extended.certificate);
    assert.deepEqual(await round(before), []);
    await goTo(before, 10);
    assert.match((await round(before)).join(""), /in 10 days/);
  });

  test(`${engine}: two processes tell him once, and one that fails tells him the next time`, async () => {
    const database = await place();
    await using one = await openTestStore(database);
    await migrate(one);
    await using other = await openTestStore(database);
    const { deps } = await withAlice(one);
    await goTo(deps, 14);
    const broken: NoticeDeps = {
      ...notices,
      wrap: async () => Promise.reject(new Error("the disk is full")),
    };
    assert.deepEqual(await round(deps, broken), []);
    // Two connections to SQLite in one thread would wait for each other.
    const stores = engine === "postgres" ? [one, other, one, other] : [one, one];
    await Promise.all(stores.map(async (store) => warnOfEnds(partsOf(deps, store), notices)));
    assert.equal((await sent(deps)).length, 1);
  });

  test(`${engine}: a warning is in the language of its reader, else in the installation's`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await goTo(deps, 29);
    const german: NoticeDeps = { ...notices, language: () => "de" };
    assert.match((await round(deps, german)).join(""), /^Content-Language: de\r$/m);
    await goTo(deps, 14);
    await updateAccount(store, idOf(alice), { language: "fr" });
    assert.match((await round(deps, german)).join(""), /^Subject: Votre .* de chiffrement expire/m);
  });

  test(`${engine}: whose key unlocks at login is told until he logs in`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await goTo(deps, 30);
    deps.clock.advance(HOUR);
    assert.match((await round(deps)).join(""), /log in once/);
    await goTo(deps, 14);
    assert.equal((await round(deps)).length, 1);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    deps.clock.advance(12 * DAY);
    assert.deepEqual(await round(deps), []);
  });

  test(`${engine}: nobody is told of a key that is extended by itself, is revoked, or whose account is closed`, async () => {
    await using usable = await open();
    const { deps: provider } = await withAlice(usable, "provider-usable");
    await goTo(provider, 10);
    assert.deepEqual(await round(provider), []);

    await using waiting = await open();
    const provisional = depsFor(waiting);
    await enrol(provisional, { address: alice, custody: "unlocks-at-login", profile: "compat" });
    await goTo(provisional, 10);
    assert.deepEqual(await round(provisional), []);

    for (const end of [
      async (deps: Deps) => {
        const wish = { owner: idOf(alice), address: alice, masterKey: undefined, text: "" };
        await came(revokeKey(deps, { ...wish, reason: "withdrawn" }), "revoked");
      },
      async (deps: Deps) => closeAccount(deps, idOf(alice), undefined),
    ]) {
      await using store = await open();
      const { deps } = await withAlice(store);
      await goTo(deps, 10);
      await end(deps);
      assert.deepEqual(await round(deps), []);
    }
  });

  test(`${engine}: in his mailbox the warning is unprotected mail like any other, and only he can open it`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { secretKey } = await bringOwn(deps);
    await goTo(deps, 10);
    assert.equal((await round(deps)).length, 1);
    const [entry, ...more] = await allMail(store, idOf(alice));
    assert(entry && more.length === 0);
    assert.equal(entry.verdict.state, "UNPROTECTED");
    assert.equal(entry.form, "wrapped");
    const message = await storedBody(store, idOf(alice), entry.id);
    assert(message);
    using key = await readSecretKey(secretKey);
    const opening = await decrypt({ message, keys: [key] });
    assert(opening.kind === "decrypted");
    assert.match(Buffer.from(opening.data).toString(), /^Return-Path: <>\r\n.*Auto-Submitted:/s);
  });
}
