/** The forms of mail in `docs/use/forms.md`. */
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";

import { parseHeader } from "../../src/mail/header.ts";
import { PACKET, packet } from "../../src/openpgp/packets/packet.ts";
import { newSessionKey } from "../../src/openpgp/packets/session-key.ts";
import { container, seal } from "../../src/pgpmime/seal.ts";
import {
  armored,
  type Cast,
  encryptedTo,
  type Form,
  HEAD,
  outcomeOf,
  PAYLOAD,
  pgpMime,
  signedTo,
  TEXT,
  withText,
} from "./form-fixtures.ts";
import { literal, NOW, sealedPacket, sessionKeyPacket } from "./openpgp-messages.ts";

/** Each under the name that stands in the table. */
export function mailForms(cast: Cast): Readonly<Record<string, Form>> {
  return { ...gnupgForms(cast), ...packetForms(cast), ...armorForms(cast), ...mimeForms(cast) };
}

function gnupgForms({ gpg, bob, arrive }: Cast): Readonly<Record<string, Form>> {
  const made = (...args: readonly string[]) => {
    const to = ["--armor", "--encrypt", "--recipient", bob.fingerprint];
    return pgpMime(gpg.run([...args, ...to], Buffer.from(PAYLOAD)).toString("latin1"));
  };
  const read =
    (...args: readonly string[]): Form =>
    async () =>
      withText(await arrive(made(...args)));
  const closed =
    (...args: readonly string[]): Form =>
    async () =>
      outcomeOf(await arrive(made(...args)));
  const password = ["--passphrase", "abc", "--symmetric"];
  return {
    "gnupg-plain": read(),
    "gnupg-hidden": read("--throw-keyids"),
    "gnupg-uncompressed": read("--compress-algo", "none"),
    "gnupg-textmode": read("--textmode"),
    "gnupg-mimemode": read("--rfc4880bis", "--mimemode"),
    "gnupg-password-and-key": read(...password),
    "gnupg-password": async () =>
      outcomeOf(
        await arrive(
          pgpMime(gpg.run(["--armor", ...password], Buffer.from(PAYLOAD)).toString("latin1")),
        ),
      ),
    "gnupg-bzip2": closed("--compress-algo", "bzip2"),
    "gnupg-3des": closed("--cipher-algo", "3DES"),
    "gnupg-camellia": closed("--cipher-algo", "CAMELLIA256"),
    "gnupg-twofish": closed("--cipher-algo", "TWOFISH"),
    "gnupg-no-mdc": closed("--rfc2440", "--disable-mdc"),
  };
}

function packetForms({ alice, bob, arrive }: Cast): Readonly<Record<string, Form>> {
  const key = newSessionKey(9);
  const own = sessionKeyPacket(bob, key);
  const inside = sealedPacket(key, literal(PAYLOAD));
  const read =
    (...packets: readonly Uint8Array[]): Form =>
    async () =>
      withText(await arrive(pgpMime(Buffer.concat(packets))));
  const closed =
    (...packets: readonly Uint8Array[]): Form =>
    async () =>
      outcomeOf(await arrive(pgpMime(Buffer.concat(packets))));
  const others = (count: number) =>
    Array.from({ length: count }, () => sessionKeyPacket(alice, newSessionKey(9)));
  const onePass = Buffer.from("c40d03006301fbfcc82a015e733001", "hex");
  const signature = Buffer.from("c2100400630a0006058267d1d9c40000abcd", "hex");
  const unknown = sealedPacket(key, onePass, literal(PAYLOAD), signature);
  const twice = packet(PACKET.compressed, Buffer.of(1), deflateRawSync(Buffer.from(literal("x"))));
  return {
    "packets-private": read(packet(60, Buffer.from("x")), own, packet(40), inside),
    "session-key-unknown-version": read(
      packet(PACKET.publicKeySessionKey, Buffer.of(99, 1)),
      own,
      inside,
    ),
    "session-keys-100": read(...others(99), own, inside),
    "session-keys-101": closed(...others(100), own, inside),
    "signature-unknown": read(own, unknown),
    "ocb-packet": closed(own, packet(20, Buffer.of(1, 9, 2, 12), Buffer.alloc(60, 7))),
    "two-texts": closed(own, sealedPacket(key, literal(PAYLOAD), twice)),
    "other-reader": closed(...others(1), inside),
    "cut-off": closed(own, inside.subarray(0, inside.length - 30)),
    altered: closed(own, flipped(inside)),
  };
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function armorForms(cast: Cast): Readonly<Record<string, Form>> {
  const { arrive } = cast;
  const read =
    (change: (armor: string) => string): Form =>
    async () => {
      const armor = armored(await encryptedTo(cast));
      const message = pgpMime(change(armor));
      return withText(await arrive(Buffer.from(message, "utf8")));
    };
  const EMPTY = "-----\r\n\r\n";
  return {
    "armor-header-no-empty-line": read((armor) =>
      armor.replace(EMPTY, "-----\r\nVersion: BCPG C# v1.6\r\n"),
    ),
    "armor-empty-line-first": read((armor) =>
      armor.replace(EMPTY, "-----\r\n\r\nComment: x\r\n\r\n"),
    ),
    "armor-indented": read((armor) => armor.replaceAll(/^/gm, "  ")),
    "armor-byte-order-mark": read((armor) => `\ufeff${armor}`),
    "armor-empty-lines": read((armor) => armor.replaceAll("\r\n", "\r\n\r\n\r\n")),
    "armor-one-line": read((armor) => armor.replaceAll("\r\n", " ")),
  };
}

const MIXED = `${HEAD}Content-Type: multipart/mixed; boundary="m"\r\n\r\n`;
const FOOTER = "--m\r\nContent-Type: text/plain\r\n\r\n___\r\nfooter\r\n--m--\r\n";

function mimeForms(cast: Cast): Readonly<Record<string, Form>> {
  const { alice, bob, arrive } = cast;
  const armor = async () => armored(await encryptedTo(cast));
  const read =
    (message: () => Promise<string | Uint8Array>): Form =>
    async () =>
      withText(await arrive(await message()));
  /** What it says as it comes, and what opens apart. */
  const apart =
    (message: () => Promise<string | Uint8Array>): Form =>
    async () => {
      const made = await message();
      return `${outcomeOf(await arrive(made))}, apart: ${withText(await arrive(made, true))}`;
    };
  const closed =
    (message: () => Promise<string>): Form =>
    async () => {
      const made = await message();
      await assert.rejects(arrive(made, true));
      return outcomeOf(await arrive(made));
    };
  const v1 = `Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n${HEAD}\r\n${TEXT}\r\n`;
  const sealed = async (message: string | Uint8Array) =>
    seal({
      message: Buffer.from(message),
      signer: alice,
      recipients: [bob.certificate],
      intended: [bob.fingerprint],
      now: NOW,
    });
  return {
    sealpost: read(async () => sealed(`${HEAD}${PAYLOAD}`)),
    "headers-v1": read(async () => pgpMime(await signedTo(cast, v1))),
    "signed-text": read(async () => pgpMime(await signedTo(cast))),
    "version-empty": read(async () => pgpMime(await armor(), { version: "" })),
    "version-lines": read(async () =>
      pgpMime(await armor(), { version: "Version: 1\r\nComment: gateway\r\n" }),
    ),
    exchange: read(async () =>
      pgpMime(await armor())
        .replace('encrypted; protocol="application/pgp-encrypted"', "mixed")
        .replace("--b", "--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b"),
    ),
    bridge: apart(async () =>
      pgpMime(await armor()).replace('encrypted; protocol="application/pgp-encrypted"', "mixed"),
    ),
    "list-footer": apart(
      async () => `${MIXED}--m\r\n${pgpMime(await armor(), { head: "" })}\r\n${FOOTER}`,
    ),
    "third-part": apart(async () =>
      pgpMime(await armor(), { after: "--b\r\nContent-Type: text/plain\r\n\r\nScanned\r\n" }),
    ),
    "second-part-type": apart(async () =>
      pgpMime(await armor(), { dataType: 'application/pgp; name="encrypted.pgp"' }),
    ),
    inline: apart(async () => `${HEAD}Content-Type: text/plain\r\n\r\n${await armor()}`),
    "inline-in-text": apart(
      async () => `${HEAD}Content-Type: text/plain\r\n\r\nHello\r\n\r\n${await armor()}\r\nBye\r\n`,
    ),
    "inline-html": closed(
      async () => `${HEAD}Content-Type: text/html\r\n\r\n<pre>${await armor()}</pre>\r\n`,
    ),
    attached: apart(
      async () =>
        `${MIXED}--m\r\nContent-Type: message/rfc822\r\n\r\n${pgpMime(await armor())}\r\n${FOOTER}`,
    ),
    twice: apart(async () =>
      sealed(
        container(
          parseHeader(Buffer.from(HEAD.replace("MIME-Version: 1.0\r\n", ""))).header,
          await encryptedTo(cast),
        ),
      ),
    ),
    "several-parts": closed(
      async () => `${MIXED}--m\r\n\r\n${await armor()}\r\n--m\r\n\r\n${await armor()}\r\n--m--\r\n`,
    ),
    smime: closed(async () =>
      Promise.resolve(
        `${HEAD}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx\r\n`,
      ),
    ),
    "no-mime": read(async () => pgpMime(await encryptedTo(cast, `Reminder: call me, ${TEXT}`))),
    "no-charset": read(async () =>
      pgpMime(await encryptedTo(cast, PAYLOAD.replace("; charset=utf-8", ""))),
    ),
  };
}
