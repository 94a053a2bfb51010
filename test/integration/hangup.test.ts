/** A server that runs takes a changed configuration, a renewed certificate and a rotated log at SIGHUP, and goes on. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:tls";
import { parse, stringify } from "smol-toml";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import type { Place } from "../../lab/world.ts";
import { MINUTE } from "../../src/base/time.ts";
import { deliverTo, makeLoneServer, type LoneServer } from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

const NAMES = ["mail.alpha.test", "keys.alpha.test"];
let dir = "";
let server: LoneServer;
let renewed: { readonly pki: Pki; readonly issued: IssuedCertificate };

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-hangup-"));
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const log = { file: join(dir, "sealpost.log") };
  server = await makeLoneServer(dir, database, { log });
  const pki = await makePki(join(dir, "renewed"));
  renewed = { pki, issued: await pki.issue(NAMES) };
});

after(async () => rm(dir, { recursive: true }));

type File = { [table: string]: Record<string, unknown> };
type Line = Readonly<Record<string, unknown>>;

async function change(edit: (file: File) => void): Promise<void> {
  const file = parse(await readFile(server.config, "utf8")) as unknown as File;
  edit(file);
  await writeFile(server.config, stringify(file));
}

/** Asks until it is so: a process says nothing to us when it has done something. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const late = AbortSignal.timeout(MINUTE);
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    late.throwIfAborted();
    await pause(20);
  }
}

async function lines(file = "sealpost.log"): Promise<readonly Line[]> {
  const text = await readFile(join(dir, file), "utf8").catch(() => "");
  const whole = text.split("\n").filter((line) => line !== "");
  return whole.map((line) => JSON.parse(line) as Line);
}

async function linesWith(msg: string, count: number): Promise<readonly Line[]> {
  return until(async () => {
    const found = (await lines()).filter((line) => String(line["msg"]).startsWith(msg));
    return found.length >= count ? found : undefined;
  });
}

/** Whether an HTTPS server's certificate is from an authority. */
async function isFrom({ ca }: Pki, place: Place): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...place, ca, servername: "keys.alpha.test" }, () => {
      socket.end();
      resolve(true);
    });
    socket.on("error", () => {
      resolve(false);
    });
  });
}

test("SIGHUP takes over what may change, names what may not, and ends nothing", async () => {
  await using serving = await server.serve("all");
  const { process: running } = serving;
  const lmtp = serving.place("lmtp");
  const https = serving.place("https");
  await using before = await RawSmtp.connect(lmtp);

  await change((file) => {
    file["relay"] = { port: 10_026 };
    file["submission"] = { sent_copies: false };
    file["notices"] = { digest: true };
    file["limits"] = { recipients: 7 };
    file["log"] = { ...file["log"], client_address: "network" };
  });
  const tls = (parse(await readFile(server.config, "utf8")) as unknown as File)["tls"];
  await copyFile(renewed.issued.certFile, String(tls?.["certificate_file"]));
  await copyFile(renewed.issued.keyFile, String(tls?.["key_file"]));
  await rename(join(dir, "sealpost.log"), join(dir, "sealpost.log.1"));
  process.kill(running.pid, "SIGHUP");

  const reloaded = await linesWith("reloaded", 2);
  for (const role of ["gateway", "keyserver"]) {
    const line = reloaded.find((one) => one["role"] === role);
    assert.deepEqual(line?.["changed"], [
      "log.client_address",
      "notices.digest",
      "relay.port",
      "submission.sent_copies",
    ]);
    assert.deepEqual(line["restart"], ["limits.recipients"]);
  }
  const said = await linesWith("the certificate was renewed", 1);
  // It is said when every listener shows it, and by one role of the two.
  assert(await isFrom(renewed.pki, https));
  assert.equal(said.length, 1);
  assert((await lines("sealpost.log.1")).some(({ msg }) => msg === "ready"));

  assert.match(await before.ask("LHLO still.here"), /^250/);
  await using client = await RawSmtp.connect(lmtp);
  await client.all(["LHLO c.test", "STARTTLS"]);
  await client.startTls({ ca: renewed.pki.ca, serverName: "mail.alpha.test" });
  assert.match(await client.ask("LHLO c.test"), /^250/);
  assert.match(await deliverTo(lmtp, "<1@beta.test>"), /^250/);
  const [line] = await linesWith("transaction", 1);
  assert.equal(line?.["client"], "127.0.0.0/24");
  assert(running.isRunning);
});

test("a configuration that config check refuses changes nothing at SIGHUP, and its faults are in the log", async () => {
  await using serving = await server.serve("gateway");
  await change((file) => {
    file["log"] = { ...file["log"], client_address: "everything" };
  });
  process.kill(serving.process.pid, "SIGHUP");
  const [line] = await linesWith("not reloaded", 1);
  assert.match(String(line?.["problems"]), /log\.client_address/);
  assert.match(await deliverTo(serving.place("lmtp"), "<2@beta.test>"), /^250/);
  assert(serving.process.isRunning);
  await change((file) => {
    file["log"] = { ...file["log"], client_address: "none" };
  });
});

test("a log file that cannot be written changes nothing at SIGHUP, and the log goes on where it was", async () => {
  await using serving = await server.serve("gateway");
  await change((file) => {
    file["limits"] = { recipients: 9 };
    file["log"] = { ...file["log"], file: join(dir, "no-such-folder/sealpost.log") };
  });
  const known = async (word: string) =>
    (await lines()).filter(({ msg }) => String(msg).startsWith(word)).length;
  const [refusals, transactions] = [await known("not reloaded"), await known("transaction")];
  process.kill(serving.process.pid, "SIGHUP");
  const refused = await linesWith("not reloaded", refusals + 1);
  assert.match(
    String(refused.at(-1)?.["problems"]),
    /log\.file: .*no-such-folder is not there .*make that folder/,
  );
  assert.match(await deliverTo(serving.place("lmtp"), "<3@beta.test>"), /^250/);
  await linesWith("transaction", transactions + 1);
  assert(serving.process.isRunning);
});
