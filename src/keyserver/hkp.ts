/** Answers of HKP v1 (draft-shaw-openpgp-hkp-00 §3, §5): armor, machine-readable index, a page. */
import { asBuffer } from "../base/bytes.ts";
import { toUnixSeconds } from "../base/time.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificate.ts";
import { crc24 } from "../openpgp/crc24.ts";
import type { PublishedCertificate } from "../store/certificates.ts";

const CHECKSUM_OCTETS = 3;

/**
 * Certificates as one armored block, without headers (RFC 9580 §6.2). Where no padding ends the base64, a checksum does:
 * without either GnuPG 2.2 reads on into the last line and imports nothing (§6.1 allows it before version 6).
 */
export function armored(found: readonly PublishedCertificate[]): string {
  const bytes = Buffer.concat(found.map((certificate) => asBuffer(certificate.bytes)));
  const base64 = bytes.toString("base64");
  const checksum = Buffer.alloc(CHECKSUM_OCTETS);
  checksum.writeUIntBE(crc24(bytes), 0, CHECKSUM_OCTETS);
  return [
    "-----BEGIN PGP PUBLIC KEY BLOCK-----",
    "",
    ...(base64.match(/.{1,64}/g) ?? []),
    ...(base64.endsWith("=") ? [] : [`=${checksum.toString("base64")}`]),
    "-----END PGP PUBLIC KEY BLOCK-----",
    "",
  ].join("\n");
}

/** One certificate as a client sees it in a list. */
export type IndexEntry = {
  readonly published: PublishedCertificate;
  readonly certificate: Certificate;
};

/** What the lists show comes from the certificates themselves. @throws Error when a stored one cannot be read. */
export async function readEntries(
  found: readonly PublishedCertificate[],
): Promise<readonly IndexEntry[]> {
  return Promise.all(
    found.map(async (published) => {
      const parsed = await parseCertificates(published.bytes);
      const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
      if (certificate === undefined) throw new Error("a published certificate cannot be read");
      return { published, certificate };
    }),
  );
}

/** `info`, `pub` and `uid` lines; clients skip what they do not know. */
export function machineReadableIndex(entries: readonly IndexEntry[], now: Date): string {
  const lines = entries.flatMap(({ published, certificate }) => {
    const created = String(toUnixSeconds(certificate.created));
    const expires =
      published.expiresAt === undefined ? "" : String(toUnixSeconds(published.expiresAt));
    const { id, bits } = certificate.algorithm;
    const flags = flagsOf(published, now);
    return [
      `pub:${certificate.fingerprint}:${String(id)}:${String(bits)}:${created}:${expires}:${flags}`,
      ...certificate.userIds.map((userId) => `uid:${escaped(userId)}:${created}::`),
    ];
  });
  return [`info:1:${String(entries.length)}`, ...lines, ""].join("\n");
}

function flagsOf(published: PublishedCertificate, now: Date): string {
  const isExpired = published.expiresAt !== undefined && published.expiresAt <= now;
  return `${published.state === "active" ? "" : "r"}${isExpired ? "e" : ""}`;
}

/** Everything but plain ASCII without `:` and `%` is percent-encoded. */
function escaped(userId: string): string {
  return [...Buffer.from(userId, "utf8")]
    .map((octet) =>
      octet > 0x20 && octet < 0x7f && octet !== 0x3a && octet !== 0x25
        ? String.fromCharCode(octet)
        : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/** The same for people: no script, no style, no link to anywhere else. */
export function htmlIndex(entries: readonly IndexEntry[], now: Date): string {
  const items = entries.map(({ published, certificate }) => {
    const names = certificate.userIds.map((userId) => htmlText(userId)).join(", ");
    const flags = flagsOf(published, now);
    const notes = [
      ...(flags.includes("r") ? ["revoked"] : []),
      ...(flags.includes("e") ? ["expired"] : []),
    ];
    const note = notes.length === 0 ? "" : ` (${notes.join(", ")})`;
    const { fingerprint } = certificate;
    const created = certificate.created.toISOString().slice(0, 10);
    return (
      `<li><a href="/pks/lookup?op=get&amp;search=0x${fingerprint}"><code>${fingerprint}</code></a>` +
      ` ${names}, made ${created}${note}</li>`
    );
  });
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Keys</title></head>',
    `<body><h1>Keys</h1><ul>${items.join("")}</ul></body></html>`,
    "",
  ].join("\n");
}

function htmlText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
