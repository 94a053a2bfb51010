/** From a user's mail program through a gateway to a next hop that we log in at, and that is told who submitted. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { makePki } from "../../lab/pki.ts";
import { MINUTE } from "../../src/base/time.ts";
import { makeLoneServer, PASSWORD, READER } from "../support/lone-server.ts";
import { startNextHop } from "../support/next-hop-server.ts";
import { NAME } from "../support/test-listener.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

const HOP_PASSWORD = "what the mail server knows";
const AUTH = `AUTH PLAIN ${Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64")}`;

for (const forward of ["xclient", "xforward"] as const) {
  test(`${forward}: the next hop learns who submits, the message does not say it, and what goes later names nobody`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "sealpost-next-hop-"));
    await using ends = new AsyncDisposableStack();
    ends.defer(async () => rm(dir, { recursive: true, force: true }));
    const hopPki = await makePki(join(dir, "hop-pki"));
    const passwordFile = join(dir, "relay.password");
    await writeFile(passwordFile, HOP_PASSWORD, { mode: 0o600 });
    const late = new Set<string>();
    const hop = await startNextHop({
      tls: await hopPki.issue([NAME]),
      password: HOP_PASSWORD,
      more: {
        useXClient: true,
        useXForward: true,
        // Greylisting: each address that begins so is taken at the second try.
        onRcptTo: ({ address }, _session, callback) => {
          const isFirst = address.startsWith("late") && !late.has(address);
          late.add(address);
          callback(isFirst ? new Error("450 4.2.0 later") : null);
        },
      },
    });
    ends.use(hop);
    assert("port" in hop.place);
    const any = { host: "127.0.0.1", port: 0 };
    const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
    const server = await makeLoneServer(dir, database, {
      listen: { submission: any },
      policy: { default: "off" },
      relay: {
        ...hop.place,
        tls: "required",
        ca_file: hopPki.caFile,
        server_name: NAME,
        user: "sealpost",
        password_file: passwordFile,
        forward,
      },
    });
    const serving = ends.use(await server.serve("gateway"));
    const place = serving.place("submission");
    await using client = await RawSmtp.connect(place, {
      ca: await readFile(join(dir, "pki/ca.pem"), "utf8"),
      serverName: "mail.alpha.test",
    });
    assert.match(await client.all(["EHLO laptop.home", AUTH]), /^235/);
    const submit = async (subject: string, to: readonly string[]) => {
      await client.all([`MAIL FROM:<${READER}>`, ...to.map((one) => `RCPT TO:<${one}>`), "DATA"]);
      const header = `From: ${READER}\r\nTo: bob@beta.test\r\nSubject: ${subject}\r\n`;
      return client.ask(`${header}\r\nhi\r\n.`);
    };
    assert.match(await submit("first", ["bob@beta.test"]), /^250/);
    assert.match(await submit("second", ["bob@beta.test", "late@beta.test"]), /^250/);
    const tooLate = AbortSignal.timeout(3 * MINUTE);
    while (hop.taken.length < 3) await pause(50, undefined, { signal: tooLate });

    const [first, second, third] = hop.taken;
    assert(first && second && third);
    assert(hop.taken.every(({ isTls }) => isTls));
    for (const { told } of [first, second]) {
      assert.deepEqual(
        [told["ADDR"], told["PROTO"], told["HELO"]],
        ["127.0.0.1", "ESMTP", "laptop.home"],
      );
    }
    assert.equal(first.connection, second.connection);
    assert.equal(first.login, forward === "xclient" ? `XCLIENT ${READER}` : "PLAIN sealpost");
    assert.deepEqual([third.told, third.login], [{}, "PLAIN sealpost"]);
    for (const { text } of hop.taken) {
      const received = text.split("\r\n").filter((line) => /^received:/i.test(line));
      assert.match(received.join(), /^Received: by mail\.alpha\.test with ESMTPSA; /);
      assert.doesNotMatch(text, /127\.0\.0\.1|laptop|LOGIN/);
    }
  });
}
