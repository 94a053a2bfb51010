/** Mail that somebody writes with GnuPG alone: signed, encrypted, and put into PGP/MIME by hand. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/base/time.ts";
import type { Gnupg } from "../gnupg.ts";
import { gpgOk } from "../gnupg-neighbour.ts";
import { submitMail } from "../swaks.ts";
import { providerOf } from "../world.ts";
import { canary } from "./message.ts";
import type { Stage } from "./stage.ts";

export const NO_PASSPHRASE = ["--pinentry-mode", "loopback", "--passphrase", ""];

/** Makes a key with this address. */
export async function makeKey(gnupg: Gnupg, address: string): Promise<void> {
  const generate = ["--quick-generate-key", address, "future-default", "default", "1y"];
  await gpgOk(gnupg, [...NO_PASSPHRASE, ...generate]);
}

/** Fetches the recipient's certificate, signs the entity and encrypts it. `entity` has its line ends as CRLF. */
export async function sealWithGnupg(
  { lab }: Stage,
  gnupg: Gnupg,
  o: { readonly from: string; readonly to: string; readonly entity: string },
): Promise<string> {
  const { host, port } = providerOf(lab.world, domainOf(o.to)).keyserver;
  const locate = ["--auto-key-locate", "clear,keyserver", "--locate-keys", o.to];
  await gpgOk(gnupg, ["--keyserver", `hkps://${host}:${port}`, ...locate]);
  const sealing = ["--armor", "--sign", "--encrypt", "--trust-model", "always"];
  const people = ["--local-user", o.from, "--recipient", o.to];
  return gpgOk(gnupg, [...NO_PASSPHRASE, ...sealing, ...people], o.entity);
}

/** Brings the armored message to the recipient's MX, in PGP/MIME (RFC 3156 §4). */
export async function deliverSealed(
  { lab }: Stage,
  o: {
    readonly from: string;
    readonly to: string;
    readonly subject: string;
    readonly armored: string;
  },
): Promise<void> {
  const lines = [
    `From: ${o.from}`,
    `To: ${o.to}`,
    `Subject: ${o.subject}`,
    `Date: ${mailDate()}`,
    `Message-ID: <${canary()}@${domainOf(o.from)}>`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="edge"',
    "",
    "--edge",
    "Content-Type: application/pgp-encrypted",
    "",
    "Version: 1",
    "",
    "--edge",
    "Content-Type: application/octet-stream",
    "",
    o.armored.trimEnd().replaceAll(/\r?\n/g, "\r\n"),
    "--edge--",
    "",
  ];
  const sent = await submitMail({
    server: providerOf(lab.world, domainOf(o.to)).mx,
    tls: "starttls",
    ca: lab.world.ca,
    from: o.from,
    to: [o.to],
    message: Buffer.from(lines.join("\r\n")),
  });
  assert(sent.isAccepted, sent.dialogue);
}

/** Now, as a Date field says it. */
export function mailDate(): string {
  return systemClock.now().toUTCString().replace("GMT", "+0000");
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
