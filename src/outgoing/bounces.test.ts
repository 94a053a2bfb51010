import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { readNotice } from "../../test/support/read-notice.ts";
import { DAY, HOUR, MINUTE, after, fromUnixMs } from "../base/time.ts";
import { formatAddress, parseDomain, type EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { Outcome } from "../smtp/relay/hop.ts";
import { updateAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import type { Language } from "../words/language.ts";
import { toKeep } from "./copy.ts";
import { keepForLater, sendDue, type OutboxDeps } from "./outbox.ts";
import { traceOutgoing } from "./tracing.ts";

const START = fromUnixMs(1_795_000_000_000);
const CANARY = "CANARY-77aa";
const MESSAGE = Buffer.from(`Subject: ${CANARY}\r\n\r\n${CANARY}\r\n`);
const ALICE = addressOf("alice@alpha.test");
const ACCEPTED: Outcome = { kind: "accepted", text: "250 ok" };
const LATER: Outcome = { kind: "refused", code: 451, text: "4.3.0 later", temporary: true };
const NEVER: Outcome = { kind: "refused", code: 550, text: "5.1.1 no such user", temporary: false };

type Try = { readonly at: number; readonly envelope: Envelope; readonly message: string };

/** An outbox whose next hop says of each recipient what `outcome` says. */
function outbox(
  store: Store,
  outcome: (to: string, from: EmailAddress | undefined) => Outcome,
  language: Language = "en",
) {
  const hostname = parseDomain("mail.alpha.test");
  assert(hostname !== undefined);
  const tries: Try[] = [];
  let now = START;
  const deps: OutboxDeps = {
    store,
    clock: { now: () => now },
    hostname,
    language: () => language,
    trace: traceOutgoing(() => undefined),
    wrap: async (_id, bytes) => Promise.resolve({ wrapped: bytes, serviceKey: "" }),
    unwrap: async (_id, { wrapped }) => Promise.resolve(wrapped),
    relay: async (envelope, message) => {
      const at = (now.getTime() - START.getTime()) / MINUTE;
      tries.push({ at, envelope, message: Buffer.from(message).toString() });
      const recipients = envelope.recipients.map((address) => ({
        address,
        outcome: outcome(formatAddress(address), envelope.from),
      }));
      return Promise.resolve({ recipients });
    },
  };
  return {
    deps,
    tries,
    keep: async (to: readonly string[], from: "alice" | "nobody" = "alice") => {
      const sender = from === "alice" ? ALICE : undefined;
      const envelope = { from: sender, recipients: to.map(addressOf) };
      await haveAccounts(store, ALICE);
      await keepForLater(deps, { account: idOf(ALICE), address: ALICE }, "<1@alpha.test>", [
        toKeep({ envelope, message: MESSAGE }),
      ]);
    },
    /** Somebody sets the clock. */
    setClock: (byMs: number) => {
      now = after(now, byMs);
    },
    /** As the task does, every minute by default. */
    run: async (durationMs: number, everyMs = MINUTE) => {
      for (const end = after(now, durationMs); now <= end; now = after(now, everyMs)) {
        await sendDue(deps);
      }
    },
  };
}

/** A next hop that answers when it is told to. */
function suspended(relay: OutboxDeps["relay"]) {
  const begun = Promise.withResolvers<undefined>();
  const ended = Promise.withResolvers<undefined>();
  const slow: OutboxDeps["relay"] = async (...rest) => {
    begun.resolve(undefined);
    await ended.promise;
    return relay(...rest);
  };
  const end = () => {
    ended.resolve(undefined);
  };
  return Object.assign(slow, { begun: begun.promise, end });
}

async function waiting(store: Store): Promise<number> {
  return (await store.db.selectFrom("outbox").select("id").execute()).length;
}

for (const { engine, open } of engines()) {
  test(`${engine}: a copy is tried after 1, 5, 15, 30 and 60 minutes, then hourly, and bounces after a day`, async () => {
    await using store = await open();
    const { tries, keep, run } = outbox(store, (to) => (to.includes("bob") ? LATER : ACCEPTED));
    await keep(["bob@beta.test"]);
    await run(DAY + 2 * HOUR);
    const toBob = tries.filter(({ envelope }) => envelope.from !== undefined);
    const gaps = toBob.slice(1).map(({ at }, index) => at - (toBob[index]?.at ?? 0));
    assert.deepEqual(gaps.slice(0, 5), [1, 5, 15, 30, 60]);
    assert(gaps.slice(4).every((gap) => gap === 60));
    const last = toBob.at(-1)?.at ?? 0;
    assert(last >= DAY / MINUTE && last < (DAY + HOUR) / MINUTE, String(last));
    const bounces = tries.filter(({ envelope }) => envelope.from === undefined);
    assert.equal(bounces.length, 1);
    assert.deepEqual(bounces[0]?.envelope.recipients.map(formatAddress), ["alice@alpha.test"]);
    assert.match(bounces[0].message, /^Status: 4\.4\.7\r$/m);
    assert.match(bounces[0].message, /<bob@beta\.test>: 4\.3\.0 later/);
    assert(!bounces[0].message.includes(CANARY));
    assert.equal(await waiting(store), 0);
  });

  test(`${engine}: after the clock jumped forward a temporary failure bounces nothing`, async () => {
    await using store = await open();
    const { tries, keep, run, setClock } = outbox(store, () => LATER);
    await keep(["bob@beta.test"]);
    await run(10 * MINUTE);
    setClock(3 * DAY);
    await run(2 * HOUR);
    assert.deepEqual(
      tries.filter(({ envelope }) => envelope.from === undefined),
      [],
    );
    assert.equal(await waiting(store), 1);
    await run(12 * HOUR);
    assert(tries.some(({ envelope }) => envelope.from === undefined));
  });

  test(`${engine}: a clock that is set back holds no mail, and gives none up never`, async () => {
    await using store = await open();
    let outcome: Outcome = LATER;
    const { tries, keep, run, setClock } = outbox(store, () => outcome);
    await keep(["bob@beta.test"]);
    await run(10 * MINUTE);
    setClock(-300 * DAY);
    const before = tries.length;
    await run(MINUTE);
    assert(tries.length > before, "it is tried at once");
    await run(2 * DAY, 10 * MINUTE);
    assert(
      tries.some(({ envelope }) => envelope.from === undefined),
      "it bounces although its day never ends",
    );
    outcome = ACCEPTED;
    await run(2 * HOUR);
    assert.equal(await waiting(store), 0);
  });

  test(`${engine}: who is refused bounces at once, and the others are tried on`, async () => {
    await using store = await open();
    const { tries, keep, run } = outbox(store, (to) =>
      to.includes("bob") ? NEVER : to.includes("bea") ? LATER : ACCEPTED,
    );
    await keep(["bob@beta.test", "bea@beta.test", "ben@beta.test"]);
    await run(10 * MINUTE);
    const bounces = tries.filter(({ envelope }) => envelope.from === undefined);
    assert.equal(bounces.length, 1);
    assert.match(bounces[0]?.message ?? "", /^Status: 5\.0\.0\r$/m);
    assert.match(bounces[0]?.message ?? "", /^Final-Recipient: rfc822; bob@beta\.test\r$/m);
    assert.doesNotMatch(bounces[0]?.message ?? "", /bea@|ben@/);
    assert.match(bounces[0]?.message ?? "", /^Auto-Submitted: auto-replied\r$/m);
    const others = tries.filter(({ envelope }) => envelope.from !== undefined).slice(1);
    assert(others.length > 0);
    for (const { envelope } of others) {
      assert.deepEqual(envelope.recipients.map(formatAddress), ["bea@beta.test"]);
    }
  });

  test(`${engine}: a try that outlives its lease leaves the copy, whole, to the process that took it since`, async () => {
    await using store = await open();
    const { tries, keep, run, setClock } = outbox(store, (to) => {
      if (to.includes("bob")) return NEVER;
      return to.includes("bea") ? LATER : ACCEPTED;
    });
    await keep(["bob@beta.test", "bea@beta.test", "ben@beta.test"]);
    const slow = outbox(store, () => ACCEPTED);
    const deps = { ...slow.deps, relay: suspended(slow.deps.relay) };
    const sending = sendDue(deps);
    await deps.relay.begun;
    setClock(10 * MINUTE);
    await run(MINUTE);
    deps.relay.end();
    await sending;
    const to = tries.map(({ envelope }) => envelope.recipients.map(formatAddress));
    assert.deepEqual(to[0], ["bob@beta.test", "bea@beta.test", "ben@beta.test"]);
    assert.equal(await waiting(store), 1, "what the first took for sent waits for its new holder");
    await run(5 * MINUTE);
    assert.deepEqual(tries.at(-1)?.envelope.recipients.map(formatAddress), ["bea@beta.test"]);
  });

  test(`${engine}: a bounce is in the sender's language, else in the installation's, and the next hop's words are its own`, async () => {
    const large: Outcome = { ...NEVER, code: 0, obstacle: "size", text: "5.3.4 too large" };
    for (const [own, installation, subject, reason] of [
      ["fr", "de", "Votre message n'a pas pu être remis", "le message est trop volumineux pour"],
      [null, "de", "Ihre Nachricht konnte nicht zugestellt werden", "die Nachricht ist zu groß"],
    ] as const) {
      await using store = await open();
      const { tries, keep, run } = outbox(
        store,
        (to, from) => (from === undefined ? ACCEPTED : to.includes("bob") ? NEVER : large),
        installation,
      );
      await keep(["bob@beta.test", "bea@beta.test"]);
      await updateAccount(store, idOf(ALICE), { language: own });
      await run(2 * MINUTE);
      const bounce = tries.find(({ envelope }) => envelope.from === undefined);
      assert(bounce);
      const { field, text, status = "" } = readNotice(Buffer.from(bounce.message));
      assert.equal(field("Subject"), subject);
      assert(text.includes(`<bea@beta.test>: ${reason}`), text);
      assert(text.includes("<bob@beta.test>: 5.1.1 no such user"));
      assert.match(status, /^Diagnostic-Code: smtp; the message is too large for the next mail/m);
      assert(!text.includes(CANARY));
    }
  });

  test(`${engine}: a bounce that cannot be delivered, and mail without a return path, cause no bounce`, async () => {
    for (const failure of [NEVER, LATER]) {
      await using store = await open();
      const { tries, keep, run } = outbox(store, () => failure);
      await keep(["bob@beta.test"]);
      await run(3 * DAY, HOUR / 2);
      const written = new Set(
        tries.filter(({ envelope }) => envelope.from === undefined).map(({ message }) => message),
      );
      assert.equal(written.size, 1, "one bounce, however often it is tried");
      assert.equal(await waiting(store), 0);
      const { tries: more, keep: keepMore, run: runMore } = outbox(store, () => failure);
      await keepMore(["bob@beta.test"], "nobody");
      await runMore(3 * DAY, HOUR / 2);
      assert(
        more.every(({ envelope }) => envelope.recipients.every(({ local }) => local === "bob")),
      );
      assert.equal(await waiting(store), 0);
    }
  });
}
