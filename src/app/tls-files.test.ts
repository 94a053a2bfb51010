/** A renewed certificate is taken up without a signal. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";

import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { listen, NAME } from "../../test/support/test-listener.ts";
import { MINUTE } from "../base/time.ts";
import { TlsFiles, TlsNews } from "./tls-files.ts";

type Made = { readonly pki: Pki; readonly issued: IssuedCertificate };

let dir = "";
let first: Made;
let second: Made;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-tls-"));
  const make = async (name: string): Promise<Made> => {
    const pki = await makePki(join(dir, name));
    return { pki, issued: await pki.issue([NAME]) };
  };
  [first, second] = [await make("first"), await make("second")];
});

after(async () => rm(dir, { recursive: true }));

const place = () => ({
  certificateFile: join(dir, "certificate.pem"),
  keyFile: join(dir, "key.pem"),
});

async function put({ issued }: Made, what: "both" | "certificate" = "both"): Promise<void> {
  await copyFile(issued.certFile, place().certificateFile);
  if (what === "both") await copyFile(issued.keyFile, place().keyFile);
}

async function opened(news?: TlsNews, said: string[] = []) {
  const events = {
    tlsRenewed: () => said.push("renewed"),
    tlsRefused: ({ reason }: { readonly reason: string }) => said.push(`refused: ${reason}`),
  };
  const files = await TlsFiles.open({ place, events, news });
  return { files, said };
}

test("an SMTP listener shows the renewed certificate to the next client", async () => {
  await put(first);
  const { files, said } = await opened();
  await using listener = await listen("submission-implicit", { tls: files.pair });
  files.follow(listener.useTls);
  const authority = async (): Promise<string> => {
    for (const [name, { pki }] of Object.entries({ first, second })) {
      const isIt = await new Promise<boolean>((resolve) => {
        const { host, port } = listener;
        const socket = connect({ host, port, ca: pki.ca, servername: NAME }, () => {
          socket.destroy();
          resolve(true);
        });
        socket.on("error", () => {
          resolve(false);
        });
      });
      if (isIt) return name;
    }
    return "neither";
  };
  assert.equal(await authority(), "first");
  await files.look();
  assert.deepEqual(said, []);
  await put(second);
  await files.look();
  assert.deepEqual(said, ["renewed"]);
  assert.equal(await authority(), "second");
});

test("it is looked at twice in a minute, a tenth more or less", async () => {
  await put(first);
  const { files } = await opened();
  assert(files.task.everyMs * 1.1 < MINUTE);
});

test("a certificate without its key is no renewal: the old pair stays, and that is said once", async () => {
  await put(first);
  const { files, said } = await opened();
  const used: unknown[] = [];
  files.follow((pair) => used.push(pair));
  await put(second, "certificate");
  await files.look();
  await files.look();
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^refused: .*mismatch/);
  await writeFile(place().keyFile, "not a key");
  await files.look();
  assert.equal(said.length, 2);
  assert.deepEqual(used, []);
  await put(second);
  await files.look();
  assert.equal(said.at(-1), "renewed");
  assert.equal(used.length, 1);
});

test("a server without a usable certificate does not start", async () => {
  await put(first);
  await put(second, "certificate");
  await assert.rejects(opened(), /certificate\.pem and its key .*cannot be used; run: sealpost/);
});

test("two roles of a process say one renewal once, when both have taken it, and one fault once", async () => {
  await put(first);
  const said: string[] = [];
  const news = new TlsNews(2);
  const [{ files: gateway }, { files: keyserver }] = [
    await opened(news, said),
    await opened(news, said),
  ];
  await put(second);
  await gateway.look();
  assert.deepEqual(said, []);
  await keyserver.look();
  await gateway.look();
  assert.deepEqual(said, ["renewed"]);

  await writeFile(place().certificateFile, "nothing");
  for (const role of [gateway, keyserver, gateway]) await role.look();
  assert.equal(said.length, 2);
  assert.match(said.join("|"), /^renewed\|refused: /);

  // One role misses a pair that was there for a moment.
  await put(first);
  await gateway.look();
  await put(second);
  for (const role of [gateway, keyserver]) await role.look();
  assert.equal(said.length, 2);
  await put(first);
  for (const role of [gateway, keyserver]) await role.look();
  assert.deepEqual(said.slice(2), ["renewed"]);
});
