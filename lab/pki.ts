/** A certification authority of the lab's own, which issues whatever server certificate a test needs (RFC 5280). */
import { type KeyObject, createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DAY, HOUR, after, systemClock } from "../src/base/time.ts";
import * as der from "./der.ts";

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;
const KEY_CERT_SIGN_CRL_SIGN = der.bitString(Buffer.from([0x06]), 1);
const DIGITAL_SIGNATURE = der.bitString(Buffer.from([0x80]), 7);
const DNS_NAME_TAG = 2;
const SECRET_FILE_MODE = 0o600;

export type IssueOptions = {
  readonly isExpired?: boolean;
  /** Signed by its own key, so that no authority vouches for it. */
  readonly isSelfSigned?: boolean;
  /** The name in the subject; clients must not take it for the host's name (RFC 9525 §2). */
  readonly commonName?: string;
};

export type IssuedCertificate = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
};

export type Pki = {
  readonly caFile: string;
  readonly ca: string;
  /** A server certificate for these DNS names (`*.` allowed), in files of the authority's folder. */
  readonly issue: (names: readonly string[], options?: IssueOptions) => Promise<IssuedCertificate>;
};

/** Makes the authority in `dir` (made when missing) and writes `ca.pem` there. Each call makes a new one. */
export async function makePki(dir: string): Promise<Pki> {
  await mkdir(dir, { recursive: true });
  const authority = { name: "Sealpost lab CA", key: newKey() };
  const ca = certify({
    subject: authority.name,
    subjectKey: authority.key.publicKey,
    issuer: authority,
    extensions: [
      extension(OID.basicConstraints, der.sequence(der.boolean(true)), "critical"),
      extension(OID.keyUsage, KEY_CERT_SIGN_CRL_SIGN, "critical"),
    ],
  });
  const caFile = join(dir, "ca.pem");
  await writeFile(caFile, ca);
  let issued = 0;
  return {
    caFile,
    ca,
    issue: async (names, options = {}) => {
      issued += 1;
      const { cert, key } = serverCertificate(names, authority, options);
      const base = join(dir, `${issued}-${(names[0] ?? "none").replace("*", "_")}`);
      const files = { certFile: `${base}.crt`, keyFile: `${base}.key` };
      await writeFile(files.certFile, cert);
      await writeFile(files.keyFile, key, { mode: SECRET_FILE_MODE });
      return { ...files, cert, key };
    },
  };
}

type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
type Issuer = { readonly name: string; readonly key: KeyPair };

function newKey(): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function serverCertificate(
  names: readonly string[],
  authority: Issuer,
  options: IssueOptions,
): { readonly cert: string; readonly key: string } {
  const key = newKey();
  const subject = options.commonName ?? "Sealpost lab server";
  const dnsNames = names.map((name) => der.tagged(DNS_NAME_TAG, Buffer.from(name), "primitive"));
  const cert = certify({
    subject,
    subjectKey: key.publicKey,
    issuer: options.isSelfSigned === true ? { name: subject, key } : authority,
    isExpired: options.isExpired === true,
    extensions: [
      extension(OID.basicConstraints, der.sequence(), "critical"),
      extension(OID.keyUsage, DIGITAL_SIGNATURE, "critical"),
      extension(OID.extendedKeyUsage, der.sequence(der.oid(OID.serverAuth))),
      ...(dnsNames.length === 0 ? [] : [extension(OID.subjectAltName, der.sequence(...dnsNames))]),
    ],
  });
  return { cert, key: key.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

function certify(o: {
  subject: string;
  subjectKey: KeyObject;
  issuer: Issuer;
  isExpired?: boolean;
  extensions: readonly Uint8Array[];
}): string {
  const now = systemClock.now();
  const notAfter = after(now, o.isExpired === true ? -HOUR : 30 * DAY);
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256));
  const content = der.sequence(
    der.tagged(0, der.integer(Buffer.from([2]))), // version 3
    der.integer(Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    algorithm,
    distinguishedName(o.issuer.name),
    der.sequence(der.utcTime(after(now, -2 * DAY)), der.utcTime(notAfter)),
    distinguishedName(o.subject),
    o.subjectKey.export({ type: "spki", format: "der" }),
    der.tagged(3, der.sequence(...o.extensions, ...keyIdentifiers(o.subjectKey, o.issuer))),
  );
  const signature = der.bitString(sign("sha256", content, o.issuer.key.privateKey));
  return pem(der.sequence(content, algorithm, signature));
}

function keyIdentifiers(subjectKey: KeyObject, issuer: Issuer): readonly Uint8Array[] {
  const issuerKeyId = der.tagged(0, keyId(issuer.key.publicKey), "primitive");
  return [
    extension(OID.subjectKeyIdentifier, der.octetString(keyId(subjectKey))),
    extension(OID.authorityKeyIdentifier, der.sequence(issuerKeyId)),
  ];
}

function keyId(key: KeyObject): Uint8Array {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 20);
}

function distinguishedName(commonName: string): Uint8Array {
  if (commonName === "") return der.sequence();
  const attribute = der.sequence(der.oid(OID.commonName), der.utf8String(commonName));
  return der.sequence(der.set(attribute));
}

function extension(id: string, value: Uint8Array, criticality?: "critical"): Uint8Array {
  const flag = criticality === undefined ? [] : [der.boolean(true)];
  return der.sequence(der.oid(id), ...flag, der.octetString(value));
}

function pem(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
