/** Logins and sockets of next hops, and what a look at a hop says. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { relayTo } from "../../../test/support/hand-to-hop.ts";
import { startNextHop } from "../../../test/support/next-hop-server.ts";
import { NAME, withPki } from "../../../test/support/test-listener.ts";
import type { Hop } from "./hop.ts";
import { logIn } from "./log-in.ts";
import { lookAtHop } from "./look-at-hop.ts";

const given = withPki();
const PASSWORD = "a long pass phrase ö";
let folder = "";
let passwordFile = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealpost-hop-"));
  passwordFile = await fileWith("password", `${PASSWORD}\n`);
});
after(async () => rm(folder, { recursive: true }));

async function fileWith(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

test("we log in over TLS with a certificate that was checked", async () => {
  await using server = await startNextHop({ tls: given().issued, password: PASSWORD });
  const login = { user: "sealpost", passwordFile };
  const { caFile } = given().pki;
  const hop: Hop = { ...server.place, tls: "required", serverName: NAME, caFile, login };
  assert.equal(await relayTo(hop)(), "accepted");
  const [taken] = server.taken;
  assert.deepEqual([taken?.isTls, taken?.login], [true, "PLAIN sealpost"]);
});

test("where the certificate names another, or nobody vouches for it, mail waits and no password is said", async () => {
  await using server = await startNextHop({ tls: given().issued, password: PASSWORD });
  const login = { user: "sealpost", passwordFile };
  const required = { ...server.place, tls: "required", login } as const;
  const { caFile } = given().pki;
  for (const hop of [
    { ...required, serverName: "mail.beta.test", caFile },
    { ...required, serverName: NAME },
    { ...required, serverName: NAME, caFile: join(folder, "nothing") },
  ]) {
    assert.match(await relayTo(hop)(), /^temporary 4\.4\.1/);
  }
  assert.deepEqual(server.taken, []);
  assert.doesNotMatch(server.commands.join("\n"), /AUTH|MAIL/);
});

test("where the hop does not let us in, mail waits", async () => {
  await using server = await startNextHop({ password: "another" });
  const hop: Hop = { ...server.place, login: { user: "sealpost", passwordFile } };
  assert.match(await relayTo(hop)(), /^temporary 5\.7\.8/);
  await using open = await startNextHop();
  assert.match(
    await relayTo({ ...open.place, login: hop.login ?? assert.fail() })(),
    /no AUTH PLAIN/,
  );
  for (const text of ["", "\n", "two\nlines\n", "a\0b"]) {
    const wrong = await fileWith("wrong", text);
    const login = { user: "sealpost", passwordFile: wrong };
    assert.match(await relayTo({ ...server.place, login })(), /^temporary 4\.4\.1/);
  }
  assert.deepEqual([...server.taken, ...open.taken], []);
});

test("a password goes to no other host unless its certificate was checked", async () => {
  const hop = { host: "192.0.2.25", port: 25, login: { user: "sealpost", passwordFile } };
  const asked: string[] = [];
  const ask = async (commands: readonly string[]) => {
    asked.push(...commands);
    return Promise.resolve([{ code: 235, lines: [] }]);
  };
  const offers = new Map([["AUTH", "PLAIN"]]);
  const far = { isLocal: false, ask };
  for (const [tls, isTls] of [
    ["offered", true],
    ["offered", false],
    ["required", false],
    ["none", false],
  ] as const) {
    const outcome = await logIn({ ...hop, tls }, { ...far, isTls }, offers, 1000);
    assert(outcome?.kind === "refused" && outcome.temporary, tls);
  }
  assert.deepEqual(asked, []);
  assert.equal(
    await logIn({ ...hop, tls: "required" }, { ...far, isTls: true }, offers, 1000),
    undefined,
  );
  assert.equal(asked.length, 1);
});

test("a unix socket is spoken to, with LMTP and a login", async () => {
  const socket = join(folder, "hop.socket");
  const more = { lmtp: true };
  await using server = await startNextHop({ socket, password: PASSWORD, more });
  const login = { user: "sealpost", passwordFile };
  assert.equal(await relayTo({ socket, protocol: "lmtp", login })(), "accepted");
  assert.equal(server.taken[0]?.login, "PLAIN sealpost");
  assert.match(server.commands[0] ?? "", /^LHLO/);
});

test("a look at a hop says its size, whether it takes the client's name, and what keeps mail from it", async () => {
  await using server = await startNextHop({ more: { size: 1_000_000, useXClient: true } });
  const look = async (hop: Hop) => lookAtHop(hop, "mail.alpha.test", 2000);
  assert.deepEqual(await look({ ...server.place, forward: "xclient" }), {
    kind: "open",
    sizeBytes: 1_000_000,
    isForwardOffered: true,
  });
  const other = await look({ ...server.place, forward: "xforward" });
  assert.equal(other.kind === "open" && other.isForwardOffered, false);
  await using unsized = await startNextHop();
  const view = await look(unsized.place);
  assert(view.kind === "open" && view.sizeBytes === undefined && view.isForwardOffered);
  const plain = await look({ ...server.place, tls: "required" });
  assert(plain.kind === "closed");
  assert.match(plain.why, /offers no TLS/);
  assert.equal((await look({ socket: join(folder, "none") })).kind, "closed");
});
