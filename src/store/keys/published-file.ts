/**
 * What must outlive the database: certificates and revocations, which are public, and when somebody's password changed.
 * Each change is appended to a file beside the database before it is committed, one JSON line each. A backup that is
 * restored therefore does not un-revoke what was revoked since. A line whose change was not committed does no harm: it
 * says no less of a key than is true, or names a password too many.
 */
import { existsSync } from "node:fs";
import { open, readFile, rename, writeFile } from "node:fs/promises";

import { AppError, errorText } from "../../base/errors.ts";
import { fromUnixMs } from "../../base/time.ts";
import { formatAddress } from "../../mail/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import { addressFrom, msOrZero, timeOrNone } from "../engine/row.ts";
import type { KeyState, PublishedCertificate } from "./certificates.ts";

type CertificateLine = {
  readonly kind: "certificate";
  readonly fingerprint: Fingerprint;
  readonly address: string;
  readonly version: 4 | 6;
  readonly state: KeyState;
  readonly bytes: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number;
};
type PasswordLine = { readonly kind: "password"; readonly account: AccountId; readonly at: number };
/** Whether a certificate is found by its fingerprint. */
type ServedLine = { readonly kind: "served" | "unserved"; readonly fingerprint: Fingerprint };
type Line = CertificateLine | PasswordLine | ServedLine;

const MODE = 0o600;

/** What the file says: of each certificate the last line, and the passwords in the order in which they changed. */
export type PublishedFile = {
  readonly certificates: readonly PublishedCertificate[];
  /** Those that are not to be found by their fingerprint. */
  readonly unserved: ReadonlySet<Fingerprint>;
  readonly passwords: readonly { readonly account: AccountId; readonly at: Date }[];
};

/**
 * Appends lines in one piece. Durable when it returns.
 * @throws AppError when the file cannot be written: then nothing is published either.
 */
export async function appendLines(file: string, lines: readonly string[]): Promise<void> {
  await named(file, async () => appendDurably(file, lines.join("")));
}

/** The line that says what is published of a certificate now. */
export function certificateLine(certificate: PublishedCertificate): string {
  return textOf([lineOf(certificate)]);
}

/** Writes the file from what is published now, all of it or nothing. */
export async function startPublishedFile(
  file: string,
  certificates: readonly PublishedCertificate[],
  unserved: readonly Fingerprint[] = [],
): Promise<void> {
  const hidden = unserved.map((fingerprint): ServedLine => ({ kind: "unserved", fingerprint }));
  await named(file, async () => replace(file, [...certificates.map(lineOf), ...hidden]));
}

/** The line that says that somebody's password, or another credential in its place, was changed. */
export function passwordLine(account: AccountId, at: Date): string {
  return textOf([{ kind: "password", account, at: at.getTime() }]);
}

/** The line that says that a certificate is found by its fingerprint from now on, or no longer. */
export function servedLine(fingerprint: Fingerprint, isServed: boolean): string {
  return textOf([{ kind: isServed ? "served" : "unserved", fingerprint }]);
}

/** Takes the lines of erased people out of the file. */
export async function eraseFromFile(
  file: string,
  of: {
    readonly fingerprints?: readonly Fingerprint[];
    readonly account?: AccountId;
  },
): Promise<void> {
  if (!existsSync(file)) return;
  const fingerprints = new Set<string>(of.fingerprints);
  const kept = (await readLines(file)).filter((line) =>
    line.kind === "password" ? line.account !== of.account : !fingerprints.has(line.fingerprint),
  );
  await named(file, async () => replace(file, kept));
}

async function replace(file: string, lines: readonly Line[]): Promise<void> {
  const next = `${file}.next`;
  await writeFile(next, textOf(lines), { mode: MODE, flush: true });
  await rename(next, file);
}

/** Undefined when there is no such file. A line that was cut off by a crash is left out. */
export async function readPublishedFile(file: string): Promise<PublishedFile | undefined> {
  if (!existsSync(file)) return undefined;
  const last = new Map<string, CertificateLine>();
  const passwords = [];
  const unserved = new Set<Fingerprint>();
  for (const line of await readLines(file)) {
    switch (line.kind) {
      case "certificate":
        last.set(line.fingerprint, line);
        break;
      case "password":
        passwords.push({ account: line.account, at: fromUnixMs(line.at) });
        break;
      case "served":
        unserved.delete(line.fingerprint);
        break;
      case "unserved":
        unserved.add(line.fingerprint);
        break;
    }
  }
  return { certificates: [...last.values()].map(certificateOf), unserved, passwords };
}

async function named(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new AppError(
      `${file}, which keeps what is published, cannot be written (${errorText(cause)}): make room, or name a place ` +
        "that the user of Sealpost may write to in [database] published_file",
      { temporary: true, cause },
    );
  }
}

async function appendDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, "a", MODE);
  // Writes all of it, or throws: one call of `write` may write less.
  await handle.writeFile(text);
  await handle.sync();
}

/** A line begins with a line end as well, so that one that a crash cut off spoils no other. */
function textOf(lines: readonly Line[]): string {
  return lines.map((line) => `\n${JSON.stringify(line)}\n`).join("");
}

async function readLines(file: string): Promise<readonly Line[]> {
  return (await readFile(file, "utf8")).split("\n").flatMap((text) => {
    try {
      return text === "" ? [] : [JSON.parse(text) as Line];
    } catch {
      return [];
    }
  });
}

function lineOf(certificate: PublishedCertificate): CertificateLine {
  return {
    kind: "certificate",
    fingerprint: certificate.fingerprint,
    address: formatAddress(certificate.address),
    version: certificate.version,
    state: certificate.state,
    bytes: Buffer.from(certificate.bytes).toString("base64"),
    createdAt: certificate.createdAt.getTime(),
    expiresAt: msOrZero(certificate.expiresAt),
    revokedAt: msOrZero(certificate.revokedAt),
  };
}

function certificateOf(line: CertificateLine): PublishedCertificate {
  const expiresAt = timeOrNone(line.expiresAt);
  const revokedAt = timeOrNone(line.revokedAt);
  return {
    fingerprint: line.fingerprint,
    address: addressFrom(line.address),
    version: line.version,
    state: line.state,
    bytes: Buffer.from(line.bytes, "base64"),
    createdAt: fromUnixMs(line.createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  };
}
