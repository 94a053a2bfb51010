/** Logins over AUTH, of whose password no string is made. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { RawSmtp } from "../../../test/support/raw-smtp.ts";
import {
  accepted,
  listen,
  type Login,
  NAME,
  withPki,
  WRONG_PASSWORD,
} from "../../../test/support/test-listener.ts";
import type { LoginAnswer } from "./handlers.ts";

const given = withPki();
const tls = () => ({ ca: given().pki.ca, serverName: NAME });

const USER = "alice@alpha.test";
const PASSWORD = "Pässword-4711 with spaces";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const TOKEN = base64(`\0${USER}\0${PASSWORD}`);
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  "PLAIN in one line": [`AUTH PLAIN ${TOKEN}`],
  "PLAIN in any case and with spaces": [`aUtH  plain  ${TOKEN} `],
  "PLAIN in two lines": ["AUTH PLAIN", TOKEN],
  "PLAIN after a cancelled one": ["AUTH PLAIN", "*", "AUTH PLAIN", TOKEN],
  "PLAIN without its padding": [`AUTH PLAIN ${TOKEN.replace(/=+$/, "")}`],
  LOGIN: ["AUTH LOGIN", base64(USER), base64(PASSWORD)],
  "LOGIN with the user in its line": [`AUTH LOGIN ${base64(USER)}`, base64(PASSWORD)],
};

/** A listener, and the octets of the passwords that it was given. */
async function listening() {
  const seen: string[] = [];
  const listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      login: async (name, password): Promise<LoginAnswer<Login>> => {
        const octets = Buffer.from(password.reveal());
        seen.push(octets.toString("hex"));
        const isRight = name === USER && octets.equals(Buffer.from(PASSWORD));
        return Promise.resolve(isRight ? accepted({ name }) : WRONG_PASSWORD);
      },
    },
  });
  return { listener, seen };
}

/** Every string that is made of a buffer and holds the password, plain or as it is sent. */
function watchStrings(t: TestContext): readonly string[] {
  const made: string[] = [];
  const parts = ["assword-4711", TOKEN.slice(-12, -4), base64(PASSWORD).slice(0, 8)];
  const real = Buffer.prototype.toString;
  t.mock.method(Buffer.prototype, "toString", function toString(this: Buffer, ...args: []) {
    const text: string = real.apply(this, args);
    if (parts.some((one) => text.includes(one))) made.push(text);
    return text;
  });
  return made;
}

for (const [shape, lines] of Object.entries(SHAPES)) {
  test(`AUTH ${shape} logs in, and no string is made of its password`, async (t) => {
    const { listener } = await listening();
    await using _ = listener;
    await using client = await RawSmtp.connect(listener, tls());
    await client.ask("EHLO c.test");
    const made = watchStrings(t);
    const last = await client.all(lines);
    t.mock.restoreAll();
    assert.match(last, /^235 /);
    assert.deepEqual(made, []);
  });
}

test("a login that comes octet by octet, and commands that come together, are read as ever", async () => {
  const { listener } = await listening();
  await using _ = listener;
  await using client = await RawSmtp.connect(listener, tls());
  await client.ask("EHLO c.test");
  for (const octet of `AUTH PLAIN ${TOKEN}\r\n`) client.write(octet);
  assert.match(await client.reply(), /^235 /);
  const noops = 250;
  client.write(`${"NOOP\r\n".repeat(noops)}MAIL FROM:<${USER}>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n`);
  for (let count = 0; count < noops + 2; count += 1) assert.match(await client.reply(), /^250 /);
  assert.match(await client.reply(), /^354 /);
  client.write(`From: ${USER}\r\n\r\nAUTH PLAIN ${TOKEN}\r\n.\r\nNOOP\r\nQUIT\r\n`);
  assert.match(await client.reply(), /^250 /);
  assert.match(await client.reply(), /^250 /);
  assert.match(await client.reply(), /^221 /);
  assert.match(listener.taken[0]?.text ?? "", new RegExp(`AUTH PLAIN ${TOKEN.slice(0, 20)}`));
});

for (const [what, lines, code] of [
  ["a token that is no base64", ["AUTH PLAIN AG***"], /^501 /],
  ["a token without a password", [`AUTH PLAIN ${base64(`\0${USER}`)}`], /^501 /],
  ["a token with four fields", [`AUTH PLAIN ${base64(`\0${USER}\0a\0b`)}`], /^501 /],
  ["an empty token", ["AUTH PLAIN ="], /^501 /],
  ["two tokens", [`AUTH PLAIN ${TOKEN} ${TOKEN}`], /^501 /],
  ["a password that is no base64", ["AUTH LOGIN", base64(USER), "p ssword"], /^501 /],
  ["another mechanism", [`AUTH XOAUTH2 ${TOKEN}`], /^504 /],
] as const) {
  test(`AUTH with ${what} is refused before any password is looked at`, async () => {
    const { listener, seen } = await listening();
    await using _ = listener;
    await using client = await RawSmtp.connect(listener, tls());
    await client.ask("EHLO c.test");
    assert.match(await client.all(lines), code);
    assert.deepEqual(seen, []);
  });
}
