/** What the doctor says of the next hop, our listeners, mail that waits to leave, the MX record and the clock. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { answered, doctorDeps, lines, now } from "../../test/support/doctor-world.ts";
import { engines } from "../../test/support/engines.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import { toKeep } from "../outgoing/copy.ts";
import { keepForLater } from "../outgoing/outbox.ts";
import { keepLatestTime } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import { clockSeenCheck } from "./clock-seen.ts";
import { listeningCheck } from "./listening.ts";
import { mxRecord } from "./mx-record.ts";
import { nextHopCheck } from "./next-hop.ts";
import { outboxCheck } from "./outbox.ts";
import type { DoctorDeps } from "./visit.ts";

const bob = addressOf("bob@beta.test");

const OPEN = { kind: "open", sizeBytes: undefined, isForwardOffered: true } as const;

test("a next hop that takes no mail fails for now, with what to test", async () => {
  const why = "connect ECONNREFUSED";
  const closed = async () => Promise.resolve({ kind: "closed", why } as const);
  const hops: DoctorDeps["hops"] = [
    { place: "127.0.0.1:10025", forward: "none", look: async () => Promise.resolve(OPEN) },
    { place: "192.0.2.25:25", forward: "none", look: closed },
    { place: "unix:/run/hop", forward: "none", look: closed },
  ];
  const [first, second, third] = await nextHopCheck.run({ hops, sealedBytes: 1000 });
  assert.equal(first?.result, "ok");
  assert.deepEqual([second?.result, second?.isTemporary], ["fail", true]);
  assert.match(second?.title ?? "", /192\.0\.2\.25:25 takes no mail from us: connect ECONNREFUSED/);
  assert.match(second?.todo ?? "", /nc 192\.0\.2\.25 25/);
  assert.match(third?.todo ?? "", /nc -U \/run\/hop /);
});

test("what is advised for a next hop that is closed goes by the cause", async () => {
  const todoFor = async (why: string) => {
    const look = async () => Promise.resolve({ kind: "closed", why } as const);
    const hops = [{ place: "192.0.2.25:25", forward: "none", look }] as const;
    const [finding] = await nextHopCheck.run({ hops, sealedBytes: 1000 });
    assert.doesNotMatch(`${finding?.title}${finding?.todo}`, /--use-system-ca/);
    return finding?.todo ?? "";
  };
  const name = "Hostname/IP does not match certificate's altnames: Host: a.test. is not cert's CN";
  assert.match(await todoFor(name), /under server_name/);
  const unknown =
    "unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca";
  assert.match(await todoFor(unknown), /under ca_file/);
  assert.match(await todoFor("535 5.7.8 authentication failed"), /user .*password_file/);
  assert.match(await todoFor("4.7.0 the next mail server offers no AUTH PLAIN"), /password_file/);
  assert.match(await todoFor("connect ECONNREFUSED 192.0.2.25:25"), /^Start the mail server/);
});

test("a next hop that takes less than submission once it is sealed is worth a warning, with what to raise", async () => {
  const taking = (sizeBytes: number | undefined): DoctorDeps["hops"] => [
    {
      place: "127.0.0.1:25",
      forward: "none",
      look: async () => Promise.resolve({ ...OPEN, sizeBytes }),
    },
  ];
  const judge = async (sizeBytes: number | undefined) =>
    nextHopCheck.run({ hops: taking(sizeBytes), sealedBytes: 39_321_600 });
  for (const enough of [undefined, 39_321_600]) {
    assert.deepEqual(
      (await judge(enough)).map(({ result }) => result),
      ["ok"],
    );
  }
  const [small] = await judge(10_240_000);
  assert.equal(small?.result, "warn");
  assert.match(small.title, /10240000 bytes.*may need 39321600/);
  assert.match(small.todo, /message_size_limit=39321600/);
});

test("a next hop that does not offer what it should be told by is worth a warning", async () => {
  const look = async () => Promise.resolve({ ...OPEN, isForwardOffered: false });
  const hops = [{ place: "127.0.0.1:25", forward: "xclient", look }] as const;
  const found = await nextHopCheck.run({ hops, sealedBytes: 1000 });
  assert.deepEqual(
    found.map(({ result }) => result),
    ["ok", "warn"],
  );
  assert.match(found[1]?.todo ?? "", /smtpd_authorized_xclient_hosts/);
});

test("each listener is asked where it can be reached, and a port of the system's choice is not", async () => {
  const asked: string[] = [];
  const found = await listeningCheck.run({
    listeners: [
      { name: "mx", host: "0.0.0.0", port: 25, isSmtp: true },
      { name: "keyserver", host: "::", port: 443, isSmtp: false },
      { name: "lmtp", host: "127.0.0.1", port: 0, isSmtp: true },
    ],
    connects: async ({ host, port }, isSmtp) => {
      asked.push(`${host} ${String(port)} ${String(isSmtp)}`);
      return Promise.resolve(port === 443 ? "connect ECONNREFUSED" : undefined);
    },
  });
  assert.deepEqual(asked, ["127.0.0.1 25 true", "::1 443 false"]);
  assert.deepEqual(
    found.map(({ result }) => result),
    ["ok", "fail", "skip"],
  );
  assert.match(found[1]?.title ?? "", /nobody answers at :::443 \(\[listen\.keyserver\]\)/);
});

test("the MX record names this server, another one, or none", async () => {
  const mx = (...hosts: readonly string[]) => ({
    mx: { "alpha.test": answered(hosts.map((host, at) => ({ preference: at, host }))) },
  });
  assert.match(await lines(mxRecord, mx("MAIL.alpha.test")), /^ok mail for alpha\.test comes to/);
  assert.match(
    await lines(mxRecord, {}),
    /^warn alpha\.test has no MX record.*Add: alpha\.test\. IN MX 10 mail\.alpha\.test\./,
  );
  assert.match(await lines(mxRecord, mx(".")), /^warn alpha\.test says that it takes no mail/);
  const other = mx("filter.example", "backup.example");
  assert.match(
    await lines(mxRecord, other),
    /^warn mail .* goes to filter\.example, backup\.example/,
  );
  assert.match(await lines(mxRecord, other, { takesMx: false }), /^ok .*hands it to us by LMTP/);
});

for (const { engine, open } of engines()) {
  const on = (store: Store): DoctorDeps["database"] => ({ kind: "open", store, isMigrated: true });

  test(`${engine}: mail that has waited for the next hop for more than an hour is worth a warning`, async () => {
    await using store = await open();
    const judge = async () => outboxCheck.run({ ...doctorDeps(), database: on(store) });
    assert.match((await judge())[0]?.title ?? "", /no accepted mail waits/);
    await haveAccounts(store, bob);
    const keep = async (age: number) => {
      const clock = { now: () => after(now, -age) };
      const wrap = async () => Promise.resolve({ wrapped: new Uint8Array(1), serviceKey: "k" });
      const copy = { envelope: { from: bob, recipients: [bob] }, message: new Uint8Array(1) };
      await keepForLater(
        { store, clock, wrap },
        { account: idOf(bob), address: bob },
        "<1@beta.test>",
        [toKeep(copy)],
      );
    };
    await keep(5 * MINUTE);
    assert.equal((await judge())[0]?.result, "ok");
    await keep(2 * HOUR);
    const [late] = await judge();
    assert.equal(late?.result, "warn");
    assert.match(late.title, /2 copies wait for the next hop, the oldest for 120 minutes/);
  });

  test(`${engine}: a clock behind the latest time seen fails, and is named`, async () => {
    await using store = await open();
    const judge = async () => clockSeenCheck.run({ ...doctorDeps(), database: on(store) });
    assert.equal((await judge())[0]?.result, "ok");
    await keepLatestTime(store, after(now, DAY));
    const [behind] = await judge();
    assert.equal(behind?.result, "fail");
    assert.match(behind.title, /it was set back, or was ahead then/);
    assert.match(behind.todo, /database clock --reset/);
  });
}
