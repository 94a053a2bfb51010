/**
 * Whatever is wrong with DNS, TLS or a keyserver, a submission meets a real fault and nothing leaves in clear: it waits
 * under `prefer-clear`, and is refused for now under `require`. Once the fault has ended, what waited leaves sealed.
 */
import assert from "node:assert/strict";
import { after as afterAll, before, test, type TestContext } from "node:test";

import { MINUTE, SECOND } from "../../src/base/time.ts";
import { formatAddress } from "../../src/mail/address.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { startListener, type Listener } from "../../src/smtp/listener/listener.ts";
import { CANARY, deferralWorld } from "../support/deferral-world.ts";
import { engines } from "../support/engines.ts";
import { old, withAlice } from "../support/key-life.ts";
import { RawSmtp } from "../support/raw-smtp.ts";
import { startUncertainLab, type Doubted } from "../support/uncertain-lab.ts";

const NAME = "mail.alpha.test";
/** What one recipient may cost a client, with a little for a loaded machine. */
const LONGEST_MS = 15 * SECOND + 4 * SECOND;
/** Long enough for a third try: a wrong key is remembered for a quarter of an hour, silence for a minute. */
const PASSED_MS = 25 * MINUTE;
/** Sessions at once, at all gateways together. */
const AT_ONCE = 24;

type Lab = Awaited<ReturnType<typeof startUncertainLab>>;
type Gateway = {
  readonly engine: string;
  readonly world: Awaited<ReturnType<typeof deferralWorld>>;
  readonly listener: Listener;
};

const started = new AsyncDisposableStack();
// Before the databases end.
afterAll(async () => started.disposeAsync());
const tested = engines();
let lab: Lab;
let gateways: readonly Gateway[] = [];
/** What a gateway did not expect. */
const failures: unknown[] = [];

before(async () => {
  lab = started.use(await startUncertainLab());
  const certificate = await lab.pki.issue([NAME]);
  gateways = await Promise.all(
    tested.map(async ({ engine, open: openStore }) => {
      const store = started.use(await openStore());
      const { deps } = await withAlice(store);
      const world = await deferralWorld(store, { deps, discoverWith: lab.discoverWith });
      const listener = await startListener({
        host: "127.0.0.1",
        port: 0,
        hostname: NAME,
        mode: "submission-implicit",
        tls: certificate,
        handlers: {
          ...world.handlers,
          failed: (error) => {
            failures.push(error);
          },
        },
      });
      started.use(listener);
      return { engine, world, listener };
    }),
  );
});

/** Submits one message in a session of its own, to the reply that decides. */
async function submit({ listener }: Gateway, to: string): Promise<string> {
  await using client = await RawSmtp.connect(listener, { ca: lab.pki.ca, serverName: NAME });
  const plain = Buffer.concat([Buffer.from("\0alice@alpha.test\0"), old().reveal()]);
  const login = await client.all(["EHLO c.test", `AUTH PLAIN ${plain.toString("base64")}`]);
  assert.match(login, /^235/);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test>"), /^250/);
  const rcpt = await timed(async () => client.ask(`RCPT TO:<${to}>`));
  if (!rcpt.startsWith("250")) return `RCPT ${rcpt}`;
  assert.match(await client.ask("DATA"), /^354/);
  return await timed(async () => client.ask(messageTo(to)));
}

async function timed(ask: () => Promise<string>): Promise<string> {
  const start = performance.now();
  const said = await ask();
  assert(performance.now() - start < LONGEST_MS, `took ${performance.now() - start} ms: ${said}`);
  return said;
}

function messageTo(to: string): string {
  const head = `From: alice@alpha.test\r\nTo: ${to}\r\nMessage-ID: <${to}.1@alpha.test>`;
  return `${head}\r\nSubject: ${CANARY}\r\n\r\n${CANARY} for ${to}\r\n.`;
}

/** What a look-up found out is remembered for a minute: each submission is to meet its fault itself. */
function forget(): void {
  for (const { world } of gateways) world.clock.advance(MINUTE + SECOND);
}

/** Submits to all of them at every gateway, and lets `check` look at each reply in a test of its own. */
async function submitToAll(t: TestContext, check: (reply: string, to: Doubted) => void) {
  const replies = new Map<string, string>();
  const queue = lab.doubted
    .filter(({ way }) => way === undefined)
    .flatMap(({ address }) => gateways.map((gateway) => ({ address, gateway })));
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { gateway, address } = next;
      replies.set(`${gateway.engine} ${address}`, await submit(gateway, address));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { address, way } of lab.doubted) {
    if (way === undefined) continue;
    lab.breakResolver(way);
    await Promise.all(
      gateways.map(async (gateway) => {
        replies.set(`${gateway.engine} ${address}`, await submit(gateway, address));
      }),
    );
    lab.repairResolver();
  }
  for (const to of lab.doubted) {
    await t.test(to.fault, () => {
      for (const { engine } of gateways) check(replies.get(`${engine} ${to.address}`) ?? "", to);
    });
  }
}

function nothingHasLeft(): void {
  for (const { world } of gateways) assert.equal(world.relayed.length, 0);
}

test("under require the client is told at RCPT to try again, and nothing is kept", async (t) => {
  for (const { world } of gateways) world.setPolicy("require");
  await submitToAll(t, (reply) => {
    assert.match(reply, /^RCPT 450 4\.7\.5 /);
  });
  for (const { world } of gateways) assert.equal(await world.left(), 0);
  nothingHasLeft();
});

test("under prefer-clear the message is taken, waits, and nothing leaves", async (t) => {
  forget();
  for (const { world } of gateways) world.setPolicy("prefer-clear");
  await submitToAll(t, (reply, { address }) => {
    assert.match(reply, /^250 2\.0\.0 queued as \w+ \(e2e: waits, nothing sent yet: /);
    assert(reply.includes(`<${address}>`), reply);
  });
  for (const { world } of gateways) {
    assert.equal((await world.waiting()).length, lab.doubted.length);
  }
  nothingHasLeft();
});

test("an answer that is proven, or a zone that is not signed, is certain: the policy decides", async (t) => {
  const certain = {
    "a zone that is not signed": "bob@legacy.test",
    "an alias into a zone that is not signed": "bob@crossinsec.faults.test",
    "a proven absence of the name": "bob@nosuch.faults.test",
    "a proven absence of the service": "bob@nosrv.test",
  };
  for (const [what, address] of Object.entries(certain)) {
    await t.test(what, async () => {
      for (const gateway of gateways) {
        const { world } = gateway;
        world.setPolicy("require");
        assert.match(await submit(gateway, address), /^RCPT 550 5\.7\.5 /);
        assert.equal(world.relayed.length, 0);
        world.setPolicy("prefer-clear");
        assert.match(await submit(gateway, address), /^250 .*NOT ENCRYPTED/);
        const [copy, ...more] = world.relayed.splice(0);
        assert.equal(more.length, 0);
        assert.deepEqual(copy?.envelope.recipients.map(formatAddress), [address]);
      }
    });
  }
});

test("three hosts that accept and say nothing cost no more than fifteen seconds", async () => {
  lab.waitPatiently();
  const [first, second = first] = gateways;
  assert(first && second);
  first.world.setPolicy("require");
  const [refused, taken] = await Promise.all([
    submit(first, lab.slow.address),
    ...(second === first ? [] : [submit(second, lab.slow.address)]),
  ]);
  first.world.setPolicy("prefer-clear");
  assert.match(refused, /^RCPT 450 4\.7\.5 /);
  assert.match(taken ?? "250 waits", /^250 .*waits/);
  nothingHasLeft();
});

test("once the faults have ended, what waited leaves sealed for each recipient", async (t) => {
  await lab.mendAll();
  forget();
  for (const { world } of gateways) await world.pass(PASSED_MS);
  for (const { fault, address, key } of lab.doubted) {
    await t.test(fault, async () => {
      for (const { world } of gateways) {
        const copies = world.relayed.filter(({ envelope }) =>
          envelope.recipients.some((recipient) => formatAddress(recipient) === address),
        );
        assert.equal(copies.length, 1);
        const message = copies[0]?.message ?? new Uint8Array();
        assert(!Buffer.from(message).includes(CANARY));
        const opened = await open({ message, keys: [key] });
        assert(opened.kind === "opened");
        assert(Buffer.from(opened.payload).includes(`${CANARY} for ${address}`));
      }
    });
  }
  for (const { world } of gateways) {
    const clear = world.relayed.filter(({ message }) => Buffer.from(message).includes(CANARY));
    assert.deepEqual(clear, []);
  }
  assert.deepEqual(failures, []);
});
