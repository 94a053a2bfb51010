/** What the mailbox of a sender keeps of what they submit. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { sql } from "kysely";

import { idOf, setLoginOnly } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, fresh, network, old, withAlice } from "../../test/support/key-life.ts";
import { lootFrom } from "../../test/support/loot.ts";
import { noMeter } from "../../test/support/no-meter.ts";
import { ownKey } from "../../test/support/openpgp-messages.ts";
import { QUIET_CONFIG } from "../../test/support/quiet-submission.ts";
import { came } from "../../test/support/outcome.ts";
import { replyText } from "../../test/support/reply-text.ts";
import { Given } from "../base/given.ts";
import type { Secret } from "../base/secret.ts";
import { openBlobs } from "../blobs/blobs.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { messageWorkHere } from "../incoming/message-work.ts";
import { sentenceOf } from "../incoming/sentence.ts";
import { eraseByLaw } from "../keys/end-account.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { standardFolder, type Mailbox } from "../mailbox/mailbox.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { clientProtection } from "../outgoing/already-protected.ts";
import type { Copy } from "../outgoing/copy.ts";
import { open as openMessage } from "../pgpmime/pgpmime.ts";
import { seal, sign } from "../pgpmime/seal.ts";
import type { Outcome } from "../smtp/relay/hop.ts";
import type { BlobPlace } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import type { Policy } from "../words/account.ts";
import { openLoginCache } from "./open-login-cache.ts";
import { mailboxesOf } from "./open-mailbox.ts";
import { outboundRelay } from "./outgoing.ts";
import { submissionHandlers } from "./submission.ts";

const CANARY = "CANARY-91c4";
const bob = await ownKey("bob@beta.test", "compat");
const ben = await ownKey("ben@beta.test", "compat");
const PEOPLE = new Map([
  ["bob@beta.test", bob],
  ["ben@beta.test", ben],
]);
const MESSAGE = `From: alice@alpha.test
To: bob@beta.test
Date: Mon, 01 Jan 2001 00:00:00 +0000
Message-ID: <1@alpha.test>
Subject: ${CANARY} in the subject

${CANARY} in the text
`;

const NAMES = { from: "", claimed: "" };
const TAKEN: Outcome = { kind: "accepted", text: "250 ok" };

type Options = {
  readonly policy?: Policy;
  readonly password?: () => Secret;
  readonly sentCopies?: boolean;
  readonly mailboxBytes?: number;
  /** What happens between the login and the message. */
  readonly meanwhile?: () => Promise<void>;
  readonly outcome?: (recipient: EmailAddress) => Outcome;
};

async function worldIn(store: Store, bodies: BlobPlace) {
  const { deps } = await withAlice(store);
  const { clock, serviceKeys, keyRules } = deps;
  const dir = await mkdtemp(join(tmpdir(), "sealpost-sent-"));
  const blobs = openBlobs({ store, clock }, { bodies, bodiesFolder: join(dir, "bodies") });
  const events = { failed: (_where: string, error: unknown) => assert.fail(String(error)) };
  const work = messageWorkHere;
  const pool = { seal, open: openMessage, encryptAtRest, messageWork: work };
  const mailboxOf = mailboxesOf({ store, clock, pool, blobs, events });
  const relayed: Copy[] = [];
  const traced: string[] = [];
  const config = { ...QUIET_CONFIG, relay: { host: "127.0.0.1", port: 1, hosts: {} } };
  const handlersFor = (options: Options) => {
    const { policy = "prefer-clear", sentCopies = true, mailboxBytes = 1e9, outcome } = options;
    const current = () => ({
      ...config,
      policy: { default: policy, domains: {} },
      submission: { ...config.submission, sentCopies },
      limits: { ...config.limits, mailboxBytes, pendingBytes: 0 },
    });
    const traces = {
      writeLater: () => (_id: string, step: string) => {
        traced.push(step);
      },
    };
    const meter = noMeter;
    const out = outboundRelay({ store, clock, serviceKeys, current, events, traces, meter });
    const relay: typeof out.deps.relay = async (envelope, message) => {
      relayed.push({ envelope, message });
      const recipients = envelope.recipients.map((address) => ({
        address,
        outcome: outcome?.(address) ?? TAKEN,
      }));
      return Promise.resolve({ recipients });
    };
    return submissionHandlers({
      vault: { store, clock, serviceKeys },
      keyRules,
      current,
      events,
      discover: async (address) => Promise.resolve(discoveryOf(address, clock.now())),
      pool: {
        seal,
        sign,
        clientProtection: async (message) => Promise.resolve(clientProtection(message)),
        messageWorkForUsers: work,
      },
      mailboxOf,
      out: { ...out, deps: { ...out.deps, relay }, sendSoon: () => undefined },
      drain: () => undefined,
      transactions: { note: () => undefined },
      loginCache: openLoginCache({ clock }, current),
    });
  };
  return {
    deps,
    store,
    dir,
    blobs,
    relayed,
    traced,
    /** Submits as alice. @returns the reply. */
    send: async (text: string, to: readonly string[], options: Options = {}): Promise<string> => {
      const { login, data, loggedOut } = handlersFor(options);
      const password = (options.password ?? old)();
      const signal = AbortSignal.timeout(60_000);
      const answer = await login?.("alice@alpha.test", password, network, signal);
      assert(answer?.kind === "logged-in");
      const client = { login: answer.login, transaction: "t" } as Parameters<typeof data>[0];
      const given = new Given(Buffer.from(text.replaceAll("\n", "\r\n")));
      await options.meanwhile?.();
      const replies = await data(client, { from: alice, recipients: to.map(addressOf) }, given);
      loggedOut?.(answer.login);
      return [replies].flat().map(replyText).join();
    },
    /** Works with the mailbox of alice, opened with her password. */
    inMailbox: async <Value>(work: (mailbox: Mailbox) => Promise<Value>): Promise<Value> => {
      using keys = await unlockWithPassword(deps, idOf(alice), old());
      assert(keys);
      return await work(mailboxOf(store, { id: idOf(alice), address: alice }, keys));
    },
    closed: () => mailboxOf(store, { id: idOf(alice), address: alice }),
    [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }),
  };
}

function discoveryOf(address: EmailAddress, now: Date): Discovery {
  const key = PEOPLE.get(canonicalAddress(address));
  const evidence = { checkedAt: now };
  if (key === undefined) return { kind: "absent", code: "NOSVC", evidence };
  const { certificate } = key;
  return { kind: "found", code: "OK", source: "hkp", certificate, fetchedAt: now, evidence };
}

/** All that is stored, in the database and in files. */
async function everything({ store, dir }: { readonly store: Store; readonly dir: string }) {
  const { values } = await lootFrom(store);
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const octets = await Promise.all(files.map(async (f) => readFile(join(f.parentPath, f.name))));
  return Buffer.concat([...values, ...octets]).toString("latin1");
}

async function sentIn(mailbox: Mailbox) {
  return (await mailbox.list(standardFolder("sent"), { limit: 10 })).entries;
}

for (const { engine, open } of engines()) {
  for (const bodies of ["database", "folder"] as const) {
    const on = `${engine}, bodies in the ${bodies}`;

    test(`${on}: a submitted message is in Sent as it was written, with what each recipient got`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      assert.match(await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]), /^250 .*2 encr/);
      const [entry, ...others] = await world.inMailbox(sentIn);
      assert(entry?.summary && others.length === 0);
      assert.equal(entry.state, "SENT");
      assert.deepEqual(entry.flags, ["seen"]);
      assert.equal(entry.summary.subject, `${CANARY} in the subject`);
      assert.equal(entry.summary.snippet, `${CANARY} in the text`);
      const got = "sealed";
      assert.deepEqual(entry.summary.sent, [
        { address: "bob@beta.test", got, fingerprint: bob.fingerprint, isBlind: false },
        { address: "ben@beta.test", got, fingerprint: ben.fingerprint, isBlind: true },
      ]);
      const read = await world.inMailbox(async (mailbox) => mailbox.read(entry.id));
      assert(read.kind === "read");
      const text = Buffer.from(read.message).toString();
      assert.match(text, new RegExp(`^Subject: ${CANARY} in the subject\r\n`, "m"));
      assert(!text.includes("ben@beta.test"), "a copy that is passed on names no blind recipient");
    });

    test(`${on}: nothing of a Sent copy is readable without the key of its mailbox`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
      const [entry] = await sentIn(world.closed());
      assert(entry && entry.summary === undefined);
      assert.deepEqual(await world.closed().read(entry.id), { kind: "closed" });
      // Two of the message wait for the next hop: they are sealed.
      const all = await everything(world);
      for (const secret of [CANARY, Buffer.from(CANARY).toString("base64").slice(0, 12)]) {
        assert(!all.includes(secret));
      }
    });

    test(`${on}: a repetition keeps no second copy, and another message does`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      const now = MESSAGE.replace(/^Date: .*\n/m, "");
      await Promise.all([now, now].map(async (text) => world.send(text, ["bob@beta.test"])));
      // The message says nothing of when it was written, so that each time it gets another Date.
      world.deps.clock.advance(5000);
      for (const text of [now, `${now}more`]) await world.send(text, ["bob@beta.test"]);
      assert.equal((await sentIn(world.closed())).length, 2);
      await world.send(now, ["ben@beta.test"]);
      assert.equal((await sentIn(world.closed())).length, 3, "to others it is another one");
    });

    test(`${on}: an erasure leaves nothing of a Sent copy`, async () => {
      await using store = await open();
      await using world = await worldIn(store, bodies);
      await world.send(MESSAGE, ["bob@beta.test"]);
      await came(
        eraseByLaw({ ...world.deps, removeBlobs: world.blobs.remove }, idOf(alice)),
        "erased",
      );
      const rows = await store.db.selectFrom("blobs").select("id").execute();
      assert.deepEqual(rows, []);
      const left = await readdir(world.dir, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        left.filter((entry) => entry.isFile()),
        [],
      );
    });
  }

  test(`${engine}: the copy and what waits are kept together; where the copy cannot be written, what waits is kept alone`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    // The last statement of the transaction has no table.
    await sql`alter table folder_use rename to folder_use_elsewhere`.execute(store.db);
    const reply = await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    assert.match(reply, /^250 .*no copy in Sent: it could not be written$/);
    const kept = async () => ({
      waiting: (await store.db.selectFrom("outbox").select("id").execute()).length,
      sent: (await store.db.selectFrom("mailbox_messages").select("id").execute()).length,
    });
    assert.deepEqual(await kept(), { waiting: 1, sent: 0 });
    await sql`alter table folder_use_elsewhere rename to folder_use`.execute(store.db);
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    assert.deepEqual(await kept(), { waiting: 2, sent: 1 });
  });

  test(`${engine}: who got it in clear, for whom it was refused, and what the client encrypted itself`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const clear = MESSAGE.replace("<1@", "<2@");
    assert.match(await world.send(clear, ["bob@beta.test", "carol@legacy.test"]), /NOT ENCRYPTED/);
    const refused = MESSAGE.replace("To: ", "To: ben@beta.test, ").replace("<1@", "<3@");
    await world.send(refused, ["bob@beta.test", "ben@beta.test"], {
      outcome: ({ local }) =>
        local === "ben"
          ? { kind: "refused", code: 550, text: "no", temporary: false }
          : { kind: "accepted", text: "250 ok" },
    });
    const sealed = Buffer.from(world.relayed.at(-1)?.message ?? "").toString("latin1");
    const own = sealed.replaceAll("\r\n", "\n").replace(/^Received.*\n/, "");
    world.deps.clock.advance(1000);
    await world.send(own, ["bob@beta.test"]);
    const entries = await world.inMailbox(sentIn);
    const got = entries.map(({ form, summary }) => [
      form,
      summary?.verdict.evidence["how"],
      summary?.sent?.map((one) => [one.address, one.got, one.fingerprint !== ""]),
    ]);
    assert.deepEqual(got, [
      ["sealed", "already-protected", [["bob@beta.test", "already-protected", false]]],
      [
        "clear",
        "sealed",
        [
          ["bob@beta.test", "sealed", true],
          ["ben@beta.test", "refused", true],
        ],
      ],
      [
        "clear",
        "clear",
        [
          ["bob@beta.test", "clear", false],
          ["carol@legacy.test", "clear", false],
        ],
      ],
    ]);
    const said = entries.map(({ summary }) => summary && sentenceOf(summary.verdict, NAMES));
    assert.deepEqual(said, [
      "You sent it as your mail program had encrypted it.",
      "You sent it, encrypted for everyone.",
      "You sent it without encryption.",
    ]);
  });

  test(`${engine}: a full mailbox loses no mail: it leaves without a copy, and the sender is told`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const reply = await world.send(MESSAGE, ["bob@beta.test"], { mailboxBytes: 100 });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: your mailbox is full$/);
    assert.equal(world.relayed.length, 1);
    assert.deepEqual(await sentIn(world.closed()), []);
    assert(world.traced.includes("no Sent copy"));
  });

  test(`${engine}: what is not accepted has no copy, and none is kept where copies are turned off`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const outcome = (): Outcome => ({ kind: "refused", code: 452, text: "full", temporary: true });
    assert.match(await world.send(MESSAGE, ["bob@beta.test"], { outcome }), /^451/);
    assert.match(
      await world.send(MESSAGE, ["bob@beta.test"], { sentCopies: false }),
      /encrypted\)$/,
    );
    assert.deepEqual(await sentIn(world.closed()), []);
  });

  test(`${engine}: an account without a key to protect its copy sends nothing`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const meanwhile = async (): Promise<void> => {
      await store.db.deleteFrom("certificate_ids").execute();
      await store.db.deleteFrom("published_certificates").execute();
    };
    await assert.rejects(world.send(MESSAGE, ["bob@beta.test"], { policy: "off", meanwhile }), {
      temporary: true,
      message: /no key to protect its mailbox with/,
    });
    assert.deepEqual(world.relayed, []);
  });

  test(`${engine}: where the disk is nearly full nothing leaves, so that no hop gets a message each time it is tried`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    t.mock.method(store, "roomBytes", () => 1_000_000);
    const why = { temporary: true, message: /no room left on the disk/ };
    await assert.rejects(world.send(MESSAGE, ["bob@beta.test"]), why);
    assert.deepEqual(world.relayed, []);
  });

  test(`${engine}: what was taken is not sent again because its copy cannot be written, and what still waits is never lost`, async (t) => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const failing = (outcome: Outcome): Outcome => {
      t.mock.method(store, "transaction", async () =>
        Promise.reject(new Error("the disk is gone")),
      );
      return outcome;
    };
    const reply = await world.send(MESSAGE, ["bob@beta.test"], { outcome: () => failing(TAKEN) });
    assert.match(reply, /^250 .*1 encrypted\); no copy in Sent: it could not be written$/);
    t.mock.restoreAll();
    assert.deepEqual(await sentIn(world.closed()), []);
    assert(world.traced.includes("no Sent copy"));
    const later: Outcome = { kind: "refused", code: 452, text: "full", temporary: true };
    const outcome = ({ local }: EmailAddress): Outcome => failing(local === "bob" ? TAKEN : later);
    const two = MESSAGE.replace("bob@beta.test", "bob@beta.test, ben@beta.test");
    await assert.rejects(
      world.send(two, ["bob@beta.test", "ben@beta.test"], { outcome }),
      /the disk is gone/,
    );
    t.mock.restoreAll();
  });

  test(`${engine}: a login whose keys stay closed has its copies wrapped to the mailbox, and opens them later`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await setLoginOnly(world.deps, idOf(alice), fresh());
    const options = { policy: "off", password: fresh } as const;
    assert.match(await world.send(MESSAGE, ["bob@beta.test"], options), /^250 .*NOT ENCRYPTED/);
    const [row] = await store.db.selectFrom("mailbox_messages").select("key").execute();
    assert.equal(row?.key, "");
    const [entry] = await world.inMailbox(async (mailbox) => {
      await mailbox.catchUp();
      return sentIn(mailbox);
    });
    assert.equal(entry?.summary?.sent?.[0]?.got, "clear");
    const [folded] = await store.db.selectFrom("mailbox_messages").select("key").execute();
    assert.notEqual(folded?.key, "");
  });

  test(`${engine}: a search finds a message by whom it was sent to, blind recipients too`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]);
    await world.inMailbox(async (mailbox) => {
      await mailbox.catchUp();
      const found = await mailbox.search({ to: "ben" }, { limit: 10 });
      assert(found.kind === "found");
      assert.equal(found.entries.length, 1);
    });
  });
}
