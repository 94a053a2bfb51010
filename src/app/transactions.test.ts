/** What is logged and traced of each transaction, over real listeners. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { noMeter } from "../../test/support/no-meter.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import {
  listen,
  MESSAGE,
  NAME,
  PLAIN,
  withPki,
  WRONG_PASSWORD,
} from "../../test/support/test-listener.ts";
import { readTransaction } from "../journal/trace.ts";
import { parseAddress } from "../mail/address.ts";
import type { Handlers, ListenerMode } from "../smtp/listener/handlers.ts";
import { REASONS } from "../smtp/reason.ts";
import { reply } from "../smtp/smtp.ts";
import type { Store } from "../store/store.ts";
import { startEvents } from "./events.ts";
import type { SubmissionLogin } from "./sender.ts";
import { traceWriter } from "./trace-writer.ts";
import { Transactions } from "./transactions.ts";

const given = withPki();
const alice = parseAddress("alice@alpha.test") ?? assert.fail();
const [sqlite = assert.fail()] = engines();

type Line = Readonly<Record<string, unknown>>;

/** A listener whose log is kept, and whose traces go to a database. */
async function world(
  store: Store,
  mode: ListenerMode,
  changes: Partial<Handlers<SubmissionLogin>>,
  clientAddress: "full" | "network" | "none" = "full",
) {
  const lines: string[] = [];
  const events = startEvents("info", { write: (line) => lines.push(line.trim()) });
  const traces = traceWriter({ store, clock: fakeClock(), events });
  const transactions = new Transactions({
    clientAddress: () => clientAddress,
    events,
    traces,
    meter: noMeter,
  });
  const listener = await listen(mode, {
    ...(mode.startsWith("submission") ? { tls: given().issued } : {}),
    changes: { ...changes, ...transactions.of(mode) } as never,
  });
  return {
    listener,
    transactions,
    lines,
    parsed: (msg: string): readonly Line[] =>
      lines.map((line) => JSON.parse(line) as Line).filter((line) => line["msg"] === msg),
    [Symbol.asyncDispose]: async () => {
      await listener[Symbol.asyncDispose]();
      await traces[Symbol.asyncDispose]();
    },
  };
}

/** The name of the transaction in a reply. */
function nameIn(text: string): string {
  return /\b[0-9a-f]{12}\b/.exec(text)?.[0] ?? assert.fail(`no name in: ${text}`);
}

for (const { engine, open } of engines()) {
  test(`${engine}: the name in the reply stands in the log, and trace finds the message by it`, async () => {
    await using store = await open();
    await using mx = await world(store, "mx", {
      data: async ({ transaction }) => {
        mx.transactions.note(transaction, { messageId: "<1@beta.test>", state: "UNPROTECTED" });
        return Promise.resolve(reply("250", "2.0.0", "stored"));
      },
    });
    const text = await (async () => {
      await using client = await RawSmtp.connect(mx.listener);
      await client.all([
        "EHLO c.test",
        "MAIL FROM:<a@beta.test>",
        "RCPT TO:<b@alpha.test>",
        "DATA",
      ]);
      return await client.ask(`${MESSAGE}.`);
    })();
    const name = nameIn(text);
    assert.equal(text, `250 2.0.0 stored (${name})`);
    const [line, ...others] = mx.parsed("transaction");
    assert.deepEqual(others, []);
    const { time: _time, tookMs, ...rest } = line ?? {};
    assert(typeof tookMs === "number");
    assert.deepEqual(rest, {
      level: 30,
      id: name,
      listener: "mx",
      client: "127.0.0.1",
      code: "250",
      status: "2.0.0",
      reason: "accepted",
      recipients: 1,
      sizeBytes: MESSAGE.length,
      state: "UNPROTECTED",
      msg: "transaction",
    });
    await mx[Symbol.asyncDispose]();
    const [entry] = await readTransaction(store, name);
    assert.equal(entry?.messageId, "1@beta.test");
    assert.equal(entry.step, "answered");
    assert.equal(entry.detail["reason"], "accepted");
  });
}

test("a size that is announced and too large is logged, with the name in the reply; the next message is taken", async () => {
  await using store = await sqlite.open();
  await using mx = await world(store, "mx", {});
  await using client = await RawSmtp.connect(mx.listener);
  await client.all(["EHLO c.test", "MAIL FROM:<a@beta.test>", "RCPT TO:<b@alpha.test>", "DATA"]);
  const first = nameIn(await client.ask(`${MESSAGE}.`));
  const refused = [
    ["MAIL FROM:<a@beta.test> SIZE=99999999999", "552", "5.3.4", "too-large"],
    ["MAIL FROM:<a@beta.test> FUTURE=1", "555", "5.5.4", "other"],
  ] as const;
  for (const [command, code, status, reason] of refused) {
    const text = await client.ask(command);
    assert(text.startsWith(`${code} ${status} `), text);
    const id = nameIn(text);
    assert.notEqual(id, first);
    const { time: _time, ...line } = mx.parsed("refused").at(-1) ?? {};
    const from = { listener: "mx", client: "127.0.0.1" };
    assert.deepEqual(line, {
      level: 30,
      id,
      step: "mail",
      ...from,
      code,
      status,
      reason,
      msg: "refused",
    });
  }
  assert.match(await client.ask("RCPT TO:<b@alpha.test>"), /^503/);
  await client.all(["MAIL FROM:<a@beta.test> SIZE=5", "RCPT TO:<b@alpha.test>", "DATA"]);
  assert.match(await client.ask(`${MESSAGE}.`), /^250/);
});

test("the log tells refusals apart by a word, each with the name in its reply", async () => {
  await using store = await sqlite.open();
  const refusals = [
    ["nobody", reply("550", "5.1.1", "no such user here"), "unknown-recipient"],
    ["relay", reply("550", "5.7.1", "relaying is not possible here"), "relay-denied"],
    ["full", reply("452", "4.2.2", "the mailbox is full; retry later"), "mailbox-full"],
  ] as const;
  await using mx = await world(store, "mx", {
    rcpt: async (_client, _envelope, { local }) =>
      Promise.resolve(refusals.find(([name]) => name === local)?.[1] ?? "ok"),
  });
  await using client = await RawSmtp.connect(mx.listener);
  await client.all(["EHLO c.test", "MAIL FROM:<>"]);
  const names = new Set<string>();
  for (const [local] of refusals) {
    names.add(nameIn(await client.ask(`RCPT TO:<${local}@alpha.test>`)));
  }
  assert.equal(names.size, 1);
  assert.deepEqual(
    mx.parsed("refused").map(({ id, step, reason }) => [id, step, reason]),
    refusals.map(([, , reason]) => [[...names][0], "rcpt", reason]),
  );
  assert.deepEqual(await readTransaction(store, [...names][0] ?? ""), []);
  assert(!mx.lines.join("\n").includes("nobody"), "no address of mail is in the log");
});

test("messages that are too large, of an outdated login or not possible have words of their own", async () => {
  await using store = await sqlite.open();
  await using mx = await world(store, "mx", {
    data: async () => Promise.reject(new Error("the disk is full")),
  });
  await using client = await RawSmtp.connect(mx.listener);
  await client.ask("EHLO c.test");
  const send = async (text: string): Promise<string> => {
    await client.all(["MAIL FROM:<>", "RCPT TO:<b@alpha.test>", "DATA"]);
    return client.ask(`${text}\r\n.`);
  };
  assert.match(await send("a\nb"), /^550 5\.6\.0 .* \([0-9a-f]{12}\)$/);
  assert.match(await send("a"), /^451 4\.3\.0 .* \([0-9a-f]{12}\)$/);
  assert.deepEqual(
    mx.parsed("transaction").map(({ code, reason }) => [code, reason]),
    [
      ["550", "malformed"],
      ["451", "trouble"],
    ],
  );
});

/** What fail2ban 1.0 reads `<HOST>` as. */
const FAIL2BAN_HOST =
  String.raw`(?:(?:::f{4,6}:)?(?<ip4>(?:\d{1,3}\.){3}\d{1,3})|` +
  String.raw`\[?(?<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))\]?|(?<dns>[\w\-.^_]*\w))`;

/** What fail2ban 1.0 reads the parts of a date as. */
const FAIL2BAN_DATE: Readonly<Record<string, string>> = {
  "%%Y": String.raw`(?:20\d{2})`,
  "%%m": String.raw`(?:1[0-2]|0[1-9])`,
  "%%d": String.raw`(?:3[01]|[12]\d|0[1-9])`,
  "%%H": String.raw`(?:2[0-3]|[01]\d)`,
  "%%M": String.raw`[0-5]\d`,
  "%%S": String.raw`(?:6[01]|[0-5]\d)`,
  "%%f": String.raw`\d{1,6}`,
  "%%z": String.raw`(?:Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)`,
};

/** What the documented filter finds in a line, read as fail2ban reads it. */
function documentedFilter(): (line: string) => string | undefined {
  const page = readFileSync(
    join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md"),
    "utf8",
  );
  const field = (name: string): string =>
    new RegExp(`^${name} = (.*)$`, "m").exec(page)?.[1] ?? assert.fail(`no ${name}`);
  const failregex = new RegExp(field("failregex").replace("<HOST>", FAIL2BAN_HOST));
  const date = new RegExp(
    field("datepattern").replaceAll(/%%[YmdHMSfz]/g, (one) => FAIL2BAN_DATE[one] ?? one),
  );
  return (line) => {
    assert.match(line, date);
    // The date is cut out of a line before the rest is looked at.
    const { ip4, ip6, dns } = failregex.exec(line.replace(date, ""))?.groups ?? {};
    return ip4 ?? ip6 ?? dns;
  };
}

test("a failed login is logged in the form that the documented filter of fail2ban matches", async () => {
  await using store = await sqlite.open();
  const { pki } = given();
  const hostIn = documentedFilter();
  for (const clientAddress of ["full", "network", "none"] as const) {
    const login = async () => Promise.resolve(WRONG_PASSWORD);
    await using submission = await world(store, "submission-implicit", { login }, clientAddress);
    await using client = await RawSmtp.connect(submission.listener, {
      ca: pki.ca,
      serverName: NAME,
    });
    assert.match(await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]), /^535/);
    const [line = assert.fail("no line")] = submission.lines;
    const { time: _time, ...rest } = JSON.parse(line) as Line;
    const shown = { full: "127.0.0.1", network: "127.0.0.0/24", none: undefined }[clientAddress];
    assert.deepEqual(rest, {
      level: 40,
      listener: "submission-implicit",
      ...(shown === undefined ? {} : { client: shown }),
      code: "535",
      status: "5.7.8",
      reason: "wrong-password",
      msg: "login failed",
    });
    assert.equal(hostIn(line), clientAddress === "full" ? shown : undefined);
    assert.match(line, /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/);
    assert(!line.includes("alice"));
  }
});

test("a refusal of somebody who has logged in is traced, with the reason", async () => {
  await using store = await sqlite.open();
  const { pki } = given();
  let name = "";
  {
    await using submission = await world(store, "submission-implicit", {
      login: async () =>
        Promise.resolve({
          kind: "logged-in",
          login: { address: alice } as unknown as SubmissionLogin,
        }),
      rcpt: async () => Promise.resolve(reply("550", "5.7.5", "no key; not sent")),
    });
    await using client = await RawSmtp.connect(submission.listener, {
      ca: pki.ca,
      serverName: NAME,
    });
    await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`, "MAIL FROM:<alice@alpha.test>"]);
    name = nameIn(await client.ask("RCPT TO:<carol@legacy.test>"));
  }
  const [entry] = await readTransaction(store, name);
  assert.equal(entry?.direction, "out");
  assert.equal(entry.detail["reason"], "encryption-impossible");
});

test("the documentation has every reason, and no other", () => {
  const page = readFileSync(
    join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md"),
    "utf8",
  );
  const [, section = ""] = /\n\| reason \| the reply \|\n(.*?)\n\n/s.exec(page) ?? [];
  const listed = [...section.matchAll(/^\| `([a-z-]+)`/gm)].map(([, reason]) => reason);
  assert.deepEqual(listed, REASONS);
});

test("with LMTP each recipient's reply has the name, and the line counts them", async () => {
  await using store = await sqlite.open();
  await using lmtp = await world(store, "lmtp", {
    data: async () =>
      Promise.resolve([reply("250", "2.0.0", "stored"), reply("452", "4.2.2", "full")]),
  });
  await using client = await RawSmtp.connect(lmtp.listener);
  const paths = ["a", "b"].map((local) => `RCPT TO:<${local}@alpha.test>`);
  await client.all(["LHLO c.test", "MAIL FROM:<>", ...paths, "DATA"]);
  const first = await client.ask(`${MESSAGE}.`);
  const name = nameIn(first);
  assert.equal(await client.reply(), `452 4.2.2 full (${name})`);
  const [line] = lmtp.parsed("transaction");
  assert.equal(line?.["accepted"], 1);
  assert.equal(line["recipients"], 2);
  assert.equal(line["reason"], "mailbox-full");
});
