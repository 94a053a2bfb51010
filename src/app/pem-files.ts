/** PEM files as TLS needs them; what is wrong with one is said as the rest of a line that names its field. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

import { codeOf, errorText } from "../base/errors.ts";

/** A file that can be used, or what is wrong with it, as the rest of a line. */
type Read<T> = { readonly value: T } | { readonly problem: string };

export type Chain = { readonly pem: string; readonly certificates: readonly X509Certificate[] };
export type Key = { readonly pem: string; readonly key: KeyObject };

/** What to do about a file of authorities. */
export const ROOTS = "name the authorities' certificates, PEM";

/** A file, parsed; `todo` is said of one that cannot be used. */
export async function readUsable<T>(
  file: string,
  parse: (pem: string) => Read<T>,
  todo: string,
): Promise<Read<T>> {
  try {
    const read = parse(await readFile(file, "utf8"));
    return "problem" in read ? { problem: `${file} ${read.problem}; ${todo}` } : read;
  } catch (thrown) {
    return { problem: `${file} ${readTrouble(thrown) ?? errorText(thrown)}; ${todo}` };
  }
}

/** Every certificate of a PEM text: TLS reads them all, and a broken one stops it. */
export function certificatesIn(pem: string): Read<Chain> {
  const begun = pem.match(/^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/gm)?.length ?? 0;
  const blocks =
    pem.match(/^-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/gm) ?? [];
  if (begun === 0) return { problem: "holds no certificate in PEM form" };
  if (blocks.length < begun) return { problem: "holds a certificate that is cut short" };
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      certificates.push(new X509Certificate(block));
    } catch (thrown) {
      const number = certificates.length + 1;
      return {
        problem: `holds a certificate that cannot be read, number ${number} (${errorText(thrown)})`,
      };
    }
  }
  return { value: { pem, certificates } };
}

export function privateKeyIn(pem: string): Read<Key> {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    return {
      problem:
        "is protected by a passphrase, which nobody can type when Sealpost starts: write the key without one (openssl pkey)",
    };
  }
  try {
    return { value: { pem, key: createPrivateKey(pem) } };
  } catch (thrown) {
    const why = errorText(thrown);
    return { problem: `holds no private key in PEM form that can be read (${why})` };
  }
}

/** Why a file cannot be read, as the rest of a sentence about it; undefined for what no system call said. */
export function readTrouble(thrown: unknown): string | undefined {
  switch (codeOf(thrown)) {
    case "ENOENT":
      return "is not there (ENOENT)";
    case "EACCES":
    case "EPERM":
      return "may not be read by this user (EACCES)";
    case "EISDIR":
      return "is a folder (EISDIR)";
    case "ENOTDIR":
      return "is not there: what should be its folder is a file (ENOTDIR)";
    default:
      return undefined;
  }
}
