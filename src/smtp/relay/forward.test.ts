/** What a hop is told of the client that submitted a message, and in which connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { SMTPServerOptions } from "smtp-server";

import { addressOf } from "../../../test/support/address.ts";
import { alice, ben, connectionsOf, relayTo } from "../../../test/support/hand-to-hop.ts";
import { startNextHop } from "../../../test/support/next-hop-server.ts";
import { forwardCommands } from "./forward.ts";
import { IdleSessions } from "./idle-sessions.ts";

test("XFORWARD says the client of each message, and a message without one goes in another connection", async () => {
  await using server = await startNextHop({ more: { useXForward: true } });
  using idle = new IdleSessions();
  const send = relayTo({ ...server.place, forward: "xforward" }, idle);
  for (const submitter of [alice, ben, undefined, undefined, alice]) {
    assert.equal(await send(submitter), "accepted");
  }
  const said = server.commands.filter((line) => line.startsWith("XFORWARD"));
  const ofAlice =
    "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=40000 PROTO=ESMTP HELO=[192.168.1.5] SOURCE=REMOTE";
  assert.deepEqual(said, [
    ofAlice,
    ofAlice.replace("ADDR=192.0.2.7", "ADDR=IPV6:2001:db8::7"),
    ofAlice,
  ]);
  const [first, second, third, fourth, fifth] = server.taken;
  assert.equal(first?.told["ADDR"], "192.0.2.7");
  assert.deepEqual([third?.told, fourth?.told], [{}, {}]);
  assert.equal(second?.connection, first.connection);
  assert.equal(fifth?.connection, first.connection);
  assert.equal(third?.connection, fourth?.connection);
  assert.equal(connectionsOf(server), 2);
});

test("where a hop takes XFORWARD no more, the message goes all the same, and in no connection that may name another client", async () => {
  const heard: string[][] = [];
  const server = createServer((socket) => {
    const lines: string[] = [];
    heard.push(lines);
    let isInData = false;
    const answer = (line: string): string | undefined => {
      if (isInData && line !== ".") return undefined;
      isInData = line === "DATA";
      if (isInData) return "354 go";
      lines.push(line.replace(/ .*/, ""));
      if (line.startsWith("EHLO")) return "250-hop\r\n250 XFORWARD ADDR";
      const isSecond = lines.filter((one) => one === "XFORWARD").length > 1;
      return line.startsWith("XFORWARD") && (isSecond || heard.length > 1) ? "550 no" : "250 ok";
    };
    socket.on("error", () => undefined);
    createInterface(socket).on("line", (line) => {
      const reply = answer(line);
      if (reply !== undefined) socket.write(`${reply}\r\n`);
    });
    socket.write("220 hop\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  {
    using idle = new IdleSessions();
    const send = relayTo({ host: "127.0.0.1", port, forward: "xforward" }, idle);
    assert.equal(await send(alice), "accepted");
    assert.equal(await send(ben), "accepted");
  }
  const transaction = ["MAIL", "RCPT", "."];
  assert.deepEqual(
    heard.map((lines) => lines.filter((line) => line !== "QUIT")),
    [
      ["EHLO", "XFORWARD", ...transaction, "XFORWARD"],
      ["EHLO", "XFORWARD", ...transaction],
    ],
  );
  await new Promise((resolve) => server.close(resolve));
});

test("with XCLIENT the hop sees the client and its login, and each connection is one client's", async () => {
  await using server = await startNextHop({ more: { useXClient: true } });
  using idle = new IdleSessions();
  const send = relayTo({ ...server.place, forward: "xclient" }, idle);
  for (const submitter of [alice, ben, alice, undefined, { ...alice, helo: undefined }]) {
    assert.equal(await send(submitter), "accepted");
  }
  const said = server.commands.filter((line) => line.startsWith("XCLIENT"));
  const ofAlice =
    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=40000 PROTO=ESMTP HELO=[192.168.1.5] LOGIN=alice@alpha.test";
  assert.deepEqual(said, [
    ofAlice,
    ofAlice
      .replace("ADDR=192.0.2.7", "ADDR=IPV6:2001:db8::7")
      .replace("LOGIN=alice@", "LOGIN=b+3Dn+2Bx@"),
    ofAlice.replace("HELO=[192.168.1.5]", "HELO=[UNAVAILABLE]"),
  ]);
  const [first, second, third, fourth, fifth] = server.taken;
  assert.deepEqual(
    [first, second, fourth].map((one) => one?.login),
    ["XCLIENT alice@alpha.test", "XCLIENT b=n+x@alpha.test", undefined],
  );
  // The session begins anew after XCLIENT, with the client's own EHLO.
  assert.deepEqual(
    [first?.helo, fourth?.helo, fifth?.helo],
    ["[192.168.1.5]", "mail.alpha.test", "mail.alpha.test"],
  );
  assert.deepEqual(fourth?.told, {});
  assert.equal(third?.connection, first?.connection);
  assert.equal(connectionsOf(server), 4);
});

test("where the hop refuses the client that XCLIENT names, mail waits", async () => {
  const onAuth: SMTPServerOptions["onAuth"] = ({ username = "" }, _session, callback) => {
    if (username.startsWith("alice@")) callback(new Error("5.7.1 blocked"));
    else callback(null, { user: username });
  };
  await using server = await startNextHop({ more: { useXClient: true, onAuth } });
  const send = relayTo({ ...server.place, forward: "xclient" });
  assert.match(await send(alice), /^temporary 5\.7\.1/);
  assert.deepEqual(server.taken, []);
  assert.equal(await send(ben), "accepted");
});

test("a hop is told only what it offers to take, and nothing where it is not to know", async () => {
  for (const forward of ["xclient", "xforward", "none"] as const) {
    const offered = forward === "none" ? { useXClient: true, useXForward: true } : {};
    await using server = await startNextHop({ more: offered });
    assert.equal(await relayTo({ ...server.place, forward })(alice), "accepted");
    assert.doesNotMatch(server.commands.join("\n"), /XCLIENT|XFORWARD|192\.0\.2\.7/);
  }
  const hop = { host: "127.0.0.1", port: 25, forward: "xclient" } as const;
  const offers = new Map([["XCLIENT", "LOGIN ADDR"]]);
  assert.deepEqual(forwardCommands("xclient", hop, alice, offers), [
    "XCLIENT ADDR=192.0.2.7 LOGIN=alice@alpha.test",
  ]);
});

test("what is too long for one command is said in several", () => {
  const hop = { host: "127.0.0.1", port: 25, forward: "xclient" } as const;
  const offers = new Map([["XCLIENT", "NAME ADDR PORT PROTO HELO LOGIN"]]);
  const login = addressOf(`${"ö".repeat(32)}@${"a".repeat(60)}.test`);
  const long = { ...alice, helo: "h".repeat(255), login };
  const commands = forwardCommands("xclient", hop, long, offers);
  assert.equal(commands.length, 2);
  assert(commands.every((line) => line.length <= 510 && line.startsWith("XCLIENT ")));
  assert.match(commands.join(" "), / HELO=h+ .*LOGIN=(\+C3\+B6){32}@a+\.test$/);
});
