/** A hash algorithm (RFC 9580 §9.5). */
export type HashAlgorithm = {
  readonly id: number;
  /** As in `micalg` and as OpenSSL calls it. */
  readonly name: string;
  readonly openssl: string;
  /** Octets of the digest. */
  readonly octets: number;
  /** Octets of salt in v6 signatures. */
  readonly saltOctets: number;
  /** What stands before the digest in an RSA signature (RFC 9580 §5.2.2). */
  readonly digestInfo: string;
};

const sha = (
  id: number,
  name: string,
  saltOctets: number,
  digestInfo: string,
  openssl = name,
): HashAlgorithm => {
  // The last octet before a digest is its length (RFC 8017 §9.2).
  const octets = Number.parseInt(digestInfo.slice(-2), 16);
  return { id, name, openssl, octets, saltOctets, digestInfo };
};

/** What we sign with. */
export const SHA512 = sha(10, "sha512", 32, "3051300d060960864801650304020305000440");

/** The hashes that count for messages; MD5, SHA-1, RIPEMD-160 and SHA-224 do not. */
export const HASHES: ReadonlyMap<number, HashAlgorithm> = new Map(
  [
    sha(8, "sha256", 16, "3031300d060960864801650304020105000420"),
    sha(9, "sha384", 24, "3041300d060960864801650304020205000430"),
    SHA512,
    sha(12, "sha3-256", 16, "3031300d060960864801650304020805000420"),
    sha(14, "sha3-512", 32, "3051300d060960864801650304020a05000440"),
  ].map((hash) => [hash.id, hash]),
);

/** Names of hashes that are only recognised, to be refused. */
export const WEAK_HASHES: ReadonlyMap<number, string> = new Map([
  [1, "md5"],
  [2, "sha1"],
  [3, "ripemd160"],
  [11, "sha224"],
]);

/** Session keys are for AES alone: octets of key by algorithm (RFC 9580 §9.3). */
export const CIPHER_OCTETS: ReadonlyMap<number, number> = new Map([
  [7, 16],
  [8, 24],
  [9, 32],
]);

/** Ciphers that are only recognised (RFC 9580 §9.3). */
const OTHER_CIPHERS: ReadonlyMap<number, string> = new Map([
  [1, "IDEA"],
  [2, "Triple DES"],
  [3, "CAST5"],
  [4, "Blowfish"],
  [10, "Twofish"],
  [11, "Camellia"],
  [12, "Camellia"],
  [13, "Camellia"],
]);

/** The name of a cipher that we do not use. */
export function cipherName(cipher: number): string {
  return OTHER_CIPHERS.get(cipher) ?? `cipher ${String(cipher)}`;
}

export const AES128 = 7;
export const AES256 = 9;

/** AEAD modes (RFC 9580 §9.6). */
export const EAX = 1;
export const OCB = 2;
export const GCM = 3;
