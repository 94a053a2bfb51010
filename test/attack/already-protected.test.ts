/** Clear text in the clothes of ciphertext: what a client submits as encrypted passes only when all of it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";

import { armorMessage } from "../../src/openpgp/packets/armor.ts";
import { dearmor } from "../../src/openpgp/packets/armored-blocks.ts";
import { packet, readPackets } from "../../src/openpgp/packets/packet.ts";
import { isEncryptedCms } from "../../src/pgpmime/cms.ts";
import { makePeople, send, textOf } from "../support/submission.ts";

const SECRET = "SECRET-91c2 is the text";
const HEAD = "From: alice@alpha.test\nTo: bob@beta.test\nSubject: s\nMIME-Version: 1.0\n";

let armor: string;
let binary: Buffer;

before(async () => {
  await makePeople();
  const { relayed } = await send(`${HEAD}\n${SECRET}\n`, ["bob@beta.test"]);
  const text = textOf(relayed).replaceAll("\r\n", "\n");
  armor = /-----BEGIN[\s\S]*-----END PGP MESSAGE-----/.exec(text)?.[0] ?? "";
  const read = dearmor(Buffer.from(armor));
  assert(read.kind === "armored");
  binary = Buffer.from(read.data);
});

type Shape = {
  readonly armor?: string;
  readonly preamble?: string;
  readonly between?: string;
  readonly epilogue?: string;
  readonly third?: string;
  readonly version?: string;
  readonly dataType?: string;
  readonly encoding?: string;
  readonly protocol?: string;
};

function sealed(o: Shape = {}): string {
  return [
    `${HEAD}Content-Type: multipart/encrypted; boundary=b; protocol="${o.protocol ?? "application/pgp-encrypted"}"`,
    "",
    ...(o.preamble === undefined ? [] : [o.preamble, ""]),
    "--b",
    "Content-Type: application/pgp-encrypted",
    "",
    o.version ?? "Version: 1",
    "",
    ...(o.between === undefined ? [] : ["--b", "Content-Type: text/plain", "", o.between, ""]),
    "--b",
    `Content-Type: ${o.dataType ?? "application/octet-stream"}`,
    ...(o.encoding === undefined ? [] : [`Content-Transfer-Encoding: ${o.encoding}`]),
    "",
    o.armor ?? armor,
    "",
    ...(o.third === undefined ? [] : ["--b", "Content-Type: text/plain", "", o.third, ""]),
    "--b--",
    ...(o.epilogue === undefined ? [] : [o.epilogue]),
    "",
  ].join("\n");
}

const inline = (body: string): string => `${HEAD}Content-Type: text/plain\n\n${body}\n`;
const armored = (...bytes: readonly Uint8Array[]): string =>
  Buffer.from(armorMessage(Buffer.concat(bytes)))
    .toString()
    .replaceAll("\r\n", "\n")
    .trimEnd();
const text = Buffer.from(SECRET);
const base64 = (value: Uint8Array): string => Buffer.from(value).toString("base64");

async function outcomeOf(message: string, to = ["carol@legacy.test"]): Promise<string> {
  const { reply, relayed } = await send(message, to);
  if (/already protected/.test(reply)) return "passed";
  const out = textOf(relayed);
  assert(!out.includes(SECRET) && !out.includes(base64(text)), reply);
  return reply.startsWith("550") ? "refused" : reply;
}

test("what a client has encrypted wholly passes, also with what mail programs put beside it", async () => {
  for (const message of [
    sealed(),
    inline(armor),
    sealed({ preamble: "This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)" }),
    sealed({ armor: armor.replace("-----\n\n", "-----\nVersion: GnuPG v2\nComment: x\n\n") }),
    sealed({ encoding: "base64", armor: base64(Buffer.from(armor)) }),
  ]) {
    assert.equal(await outcomeOf(message), "passed", message);
  }
});

/** How somebody's program may fail: each shape holds text that a reader on the way sees. */
const FORGED: readonly (readonly [string, () => string])[] = [
  ["text instead of armor", () => sealed({ armor: SECRET })],
  ["text behind the armor", () => sealed({ armor: `${armor}\n${SECRET}` })],
  ["text before the armor", () => sealed({ armor: `${SECRET}\n${armor}` })],
  [
    "text in an armor header",
    () => sealed({ armor: armor.replace("-----\n\n", `-----\nNote: ${SECRET}\n\n`) }),
  ],
  [
    "text in an armor header behind an empty line",
    () => sealed({ armor: armor.replace("-----\n\n", `-----\n\nNote: ${SECRET}\n\n`) }),
  ],
  [
    "text that goes on a header",
    () => sealed({ armor: armor.replace("-----\n\n", `-----\nComment: x\n${SECRET}!\n\n`) }),
  ],
  [
    "text between two ends of the armor",
    () => sealed({ armor: `${armor}\n${SECRET}\n-----END PGP MESSAGE-----` }),
  ],
  [
    "text in armor that is one line",
    () =>
      sealed({
        armor: armor.replace("-----\n\n", `----- Note: ${SECRET} `).replaceAll("\n", " "),
      }),
  ],
  ["a private packet of text", () => sealed({ armor: armored(packet(60, text), binary) })],
  [
    "a long remark in the armor",
    () =>
      sealed({
        armor: armor.replace("-----\n\n", `-----\nComment: ${SECRET} ${"x".repeat(100)}\n\n`),
      }),
  ],
  ["a second armor block of text", () => sealed({ armor: `${armor}\n${armored(text)}` })],
  ["text before the first part", () => sealed({ preamble: SECRET })],
  ["text behind the last part", () => sealed({ epilogue: SECRET })],
  ["a third part", () => sealed({ third: SECRET })],
  ["a part between", () => sealed({ between: SECRET })],
  ["text in the version part", () => sealed({ version: `Version: 1\n${SECRET}` })],
  ["armored text", () => sealed({ armor: armored(text) })],
  ["a session key before text", () => sealed({ armor: armored(Buffer.of(0xc1, 0x0a), text) })],
  [
    "session keys and a literal",
    () => sealed({ armor: armored(keys(), packet(11, Buffer.from("b\0\0\0\0\0"), text)) }),
  ],
  [
    "a password alone",
    () => sealed({ armor: armored(packet(3, Buffer.of(4, 9, 0, 8)), container()) }),
  ],
  [
    "text as a session key",
    () =>
      sealed({
        armor: armored(packet(1, Buffer.of(3, 1, 2, 3, 4, 5, 6, 7, 8, 1), text), container()),
      }),
  ],
  ["no session key", () => sealed({ armor: armored(container()) })],
  [
    "a literal behind the container",
    () => sealed({ armor: armored(binary, packet(11, Buffer.from("b\0\0\0\0\0"), text)) }),
  ],
  ["padding with text", () => sealed({ armor: armored(packet(21, text), binary) })],
  ["text behind the container", () => sealed({ armor: armored(binary, text) })],
  [
    "a container without integrity protection",
    () => sealed({ armor: armored(keys(), packet(9, Buffer.concat([text, text]))) }),
  ],
  ["an inline message with a signature line", () => inline(`${armor}\n-- \n${SECRET}`)],
  ["inline armor of text", () => inline(armored(text))],
  ["another protocol", () => sealed({ protocol: "application/pgp-something", armor: SECRET })],
  [
    "base64 that ends early",
    () =>
      sealed({ encoding: "base64", armor: `${base64(Buffer.from(`${armor} `))}\n${base64(text)}` }),
  ],
];

const keys = (): Buffer =>
  Buffer.concat(
    readPackets(binary, 10)
      .filter(({ tag }) => tag === 1)
      .map(({ tag, body }) => packet(tag, body)),
  );
const container = (): Buffer => packet(18, readPackets(binary, 10).at(-1)?.body ?? Buffer.alloc(0));

for (const [name, message] of FORGED) {
  test(`${name} is not passed on under the name of encryption, whatever the policy`, async () => {
    const outcome = await outcomeOf(message());
    assert.match(outcome, /^refused$/);
    const sealable = await send(message(), ["bob@beta.test"]);
    assert(!/already protected/.test(sealable.reply), sealable.reply);
    assert(!textOf(sealable.relayed).includes(SECRET));
  });
}

test("a message encrypted for fewer keys than it has recipients is not passed on", async () => {
  const many = ["carol@legacy.test", "cleo@legacy.test", "carl@legacy.test"];
  // Alice's own key and bob's.
  assert.equal(await outcomeOf(sealed(), many.slice(0, 2)), "passed");
  const { reply, relayed } = await send(
    sealed(),
    many.map((one) => one.replace(/^c\w+/, "carol")),
  );
  assert.match(reply, /^250 .*already protected/, "one recipient, three times");
  assert.equal(relayed.length, 1);
  const refused = await send(sealed(), ["carol@legacy.test", "bea@beta.test", "ben@beta.test"]);
  assert.match(refused.reply, /^550 5\.7\.5 .*marked as encrypted by your mail program/);
  assert.deepEqual(refused.relayed, []);
});

test("S/MIME passes byte for byte as enveloped data that fills the body, and as nothing else", async () => {
  const smime = (bytes: Uint8Array, type = "enveloped-data"): string =>
    `${HEAD}Content-Type: application/pkcs7-mime; smime-type=${type}\nContent-Transfer-Encoding: base64\n\n${base64(bytes)}\n`;
  const { enveloped, signed, streamed } = cms();
  for (const good of [enveloped, streamed]) {
    assert(isEncryptedCms(good));
    const message = smime(good);
    const { reply, relayed } = await send(message, ["carol@legacy.test"]);
    assert.match(reply, /already protected/);
    const body = (whole: string): string => whole.slice(whole.search(/\r?\n\r?\n/)).trim();
    assert.equal(body(textOf(relayed)), body(message));
  }
  for (const bytes of [
    text,
    Buffer.concat([enveloped, text]),
    Buffer.concat([enveloped.subarray(0, 20), text]),
    Buffer.from("308006092a864886f70d010703a0803080", "hex"),
    Buffer.concat([Buffer.from("308006092a864886f70d010703a080", "hex"), text]),
    enveloped.subarray(0, -1),
    signed,
  ]) {
    assert(!isEncryptedCms(bytes));
    const { reply, relayed } = await send(smime(bytes), ["carol@legacy.test"]);
    assert.match(reply, /^550 5\.7\.5/);
    assert.deepEqual(relayed, []);
  }
  // Signed data is content: sealed where it can be.
  assert(!isEncryptedCms(signed));
  const { reply, relayed } = await send(smime(signed, "signed-data"), ["bob@beta.test"]);
  assert.match(reply, /1 encrypted/);
  assert(!textOf(relayed).includes(base64(signed).slice(0, 60)));
});

/** What OpenSSL makes of the text. */
function cms() {
  const dir = mkdtempSync(join(tmpdir(), "sealpost-cms-"));
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  };
  try {
    writeFileSync(join(dir, "text"), text);
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=bob",
      "-keyout",
      "key",
      "-out",
      "cert",
    );
    const encrypt = ["cms", "-encrypt", "-aes256", "-in", "text", "-outform", "DER"];
    openssl(...encrypt, "-out", "enveloped", "cert");
    openssl(...encrypt, "-stream", "-out", "streamed", "cert");
    const sign = ["cms", "-sign", "-nodetach", "-signer", "cert", "-inkey", "key"];
    openssl(...sign, "-in", "text", "-outform", "DER", "-out", "signed");
    const file = (name: string): Buffer => readFileSync(join(dir, name));
    return { enveloped: file("enveloped"), streamed: file("streamed"), signed: file("signed") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}
