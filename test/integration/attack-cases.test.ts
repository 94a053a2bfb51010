/** Small inputs about attacks and the first hour that lie beside the checkout, where there are some; never part of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { armorSignature } from "../support/signatures.ts";
import { run, runOk, sealpostCommand } from "../../lab/run.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { AUTHOR, cast, HEAD, pgpMime, signedTo } from "../support/form-fixtures.ts";
import { NOW, ownKey } from "../support/openpgp-messages.ts";
import { listen } from "../support/test-listener.ts";

const CASES = join(import.meta.dirname, "../../../shared/cases");
const textOf = (name: string): string => readFileSync(join(CASES, name), "utf8");
const GOOD = /^(?:CONFIDENTIAL|VERIFIED)/;

const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  "acceptance/02-resolver.txt": async () => {
    const [, host = ""] = /host = "([^"]+)"/.exec(textOf("acceptance/02-resolver.txt")) ?? [];
    const dir = await mkdtemp(join(tmpdir(), "sealpost-case-"));
    try {
      await runOk(sealpostCommand, ["init", "--domain", "alpha.test"], { cwd: dir });
      const file = join(dir, "sealpost.toml");
      const made = await readFile(file, "utf8");
      await writeFile(
        file,
        `${made.replace(/^\[resolver\]\n(?:(?!\[).*\n)*/m, "")}\n[resolver]\nhost = "${host}"\n`,
      );
      const checked = await run(sealpostCommand, ["config", "check"], { cwd: dir });
      assert.equal(checked.code, 2, checked.stderr);
      assert.match(checked.stderr, /sealpost\.toml:\d+: resolver\.host: /);
    } finally {
      await rm(dir, { recursive: true });
    }
  },
  "acceptance/05-one-client-fills-mx.py": async () => {
    const script = textOf("acceptance/05-one-client-fills-mx.py");
    const [silent = "", other = ""] = [...script.matchAll(/\('(127[.\d]+)', 0\)/g)].map(
      ([, ip]) => ip,
    );
    const [, count = ""] = /range\((\d+)\)/.exec(script) ?? [];
    await using listener = await listen("mx");
    const held: Socket[] = [];
    try {
      // Beyond its share this network is sent away.
      for (let at = 0; at < Number(count); at += 1)
        held.push((await heard(listener, silent)).socket);
      const { socket, greeting } = await heard(listener, other);
      held.push(socket);
      assert.match(greeting, /^220/);
    } finally {
      for (const socket of held) socket.destroy();
    }
  },
  "fuzz/author-two-readings.ts": async () => {
    const script = textOf("fuzz/author-two-readings.ts");
    const literal = (quoted = ""): string => JSON.parse(`"${quoted}"`) as string;
    const [, rest] = /const rest = "([^"]*)"/.exec(script) ?? [];
    const begins = [...script.matchAll(/"\d: [^"]*": "([^"]*)" \+ rest/g)].map(([, text]) => text);
    assert.equal(begins.length, 2);
    using people = await cast();
    const head = HEAD.replace(AUTHOR, "ceo@alpha.test");
    for (const begin of begins) {
      const payload = `${literal(begin)}${literal(rest)}`.replaceAll("mallory@alpha.test", AUTHOR);
      const shown = await people.arrive(
        Buffer.from(pgpMime(await signedTo(people, payload), { head })),
      );
      assert(
        !GOOD.test(shown.state) || shown.from.includes(AUTHOR),
        `${shown.state} ${shown.from}`,
      );
    }
  },
  "fuzz/sealed-turned-clear.ts": async () => {
    using people = await cast();
    const mallory = await ownKey("mallory@evil.test", "compat");
    const head = HEAD.replace("bob@beta.test", "mallory@evil.test");
    const sealed = await seal({
      message: Buffer.from(`${head}\r\nFor you alone.\r\n`),
      signer: people.alice,
      recipients: [mallory.certificate],
      intended: [mallory.fingerprint],
      now: NOW,
    });
    const found = detectProtection(sealed);
    assert(found.kind === "sealed");
    const opened = await decrypt({ message: found.ciphertext, keys: [mallory] });
    assert(opened.kind === "decrypted");
    const [signature] = opened.signatures;
    assert(signature !== undefined);
    const type = 'multipart/signed; protocol="application/pgp-signature"; boundary=b';
    const clear = Buffer.concat([
      Buffer.from(`${HEAD}Content-Type: ${type}\r\n\r\n--b\r\n`),
      opened.data,
      Buffer.from("\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"),
      armorSignature(packet(2, signature.packet)),
      Buffer.from("\r\n--b--\r\n"),
    ]);
    const shown = await people.arrive(clear);
    assert.equal(shown.state, "UNPROTECTED");
  },
};

test("the inputs about attacks beside the checkout, if there are some, come to what they must", async (t) => {
  const there = Object.entries(CHECKS).filter(([name]) => existsSync(join(CASES, name)));
  for (const [name, check] of there) await t.test(name, check);
  console.log(`cases: ${String(there.length)} of ${String(Object.keys(CHECKS).length)} read here`);
});

/** A connection from an address of this host, and what the server says first. */
async function heard(
  { host, port }: { readonly host: string; readonly port: number },
  localAddress: string,
): Promise<{ readonly socket: Socket; readonly greeting: string }> {
  const socket = connect({ host, port, localAddress });
  const signal = AbortSignal.timeout(60_000);
  const [greeting] = (await once(socket, "data", { signal })) as [Buffer];
  return { socket, greeting: greeting.toString() };
}
