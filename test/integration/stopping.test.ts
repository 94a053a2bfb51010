/** A server that is told to stop says so to everybody who is connected. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeLoneServer, READER, type LoneServer } from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

let dir = "";
let server: LoneServer;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-stopping-"));
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const listen = { mx: any, lmtp: any, submission_starttls: any };
  server = await makeLoneServer(dir, database, { listen });
});

after(async () => rm(dir, { recursive: true }));

test("a stopping server says 421 to clients that are greeted, in a transaction or in the middle of a message", async () => {
  await using serving = await server.serve("gateway");
  const open: RawSmtp[] = [];
  for (const name of ["mx", "lmtp", "submission_starttls"]) {
    const place = serving.place(name);
    const greeted = await RawSmtp.connect(place);
    const inside = await RawSmtp.connect(place);
    await inside.ask(name === "lmtp" ? "LHLO c.test" : "EHLO c.test");
    if (name !== "submission_starttls") await inside.ask("MAIL FROM:<>");
    open.push(greeted, inside);
  }
  const sending = await RawSmtp.connect(serving.place("mx"));
  await sending.all(["EHLO c.test", "MAIL FROM:<>", `RCPT TO:<${READER}>`, "DATA"]);
  sending.write("Subject: half of a");
  process.kill(serving.process.pid, "SIGTERM");
  for (const client of open) {
    assert.match(await client.reply(), /^421 4\.3\.2 shutting down$/);
    assert.equal(await client.rest(), "");
  }
  // Half a message gets its time, and is then refused too.
  assert.match(await sending.reply(), /^421 /);
});
