import { type Config, enums } from "openpgp";

/** What a generated key is made of: `compat` for everybody's software, `modern` for RFC 9580 software only. */
export type KeyProfile = "compat" | "modern";

/**
 * Every option of OpenPGP.js, none left to its global object, which any package in the process could change.
 * A missing option does not compile; `profile.test.ts` reads each value back.
 */
const BASE: Readonly<Config> = {
  preferredHashAlgorithm: enums.hash.sha512,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  // No compression: no side channel through lengths.
  preferredCompressionAlgorithm: enums.compression.uncompressed,
  preferredAEADAlgorithm: enums.aead.ocb,
  aeadProtect: false,
  aeadChunkSizeByte: 12,
  v6Keys: false,
  enableParsingV5Entities: false,
  parseAEADEncryptedV4KeysAsLegacy: false,
  // EFAIL: nothing leaves the library before its integrity is known.
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  minRSABits: 2048,
  rejectPublicKeyAlgorithms: new Set([enums.publicKey.elgamal, enums.publicKey.dsa]),
  rejectCurves: new Set([enums.curve.secp256k1]),
  rejectHashAlgorithms: new Set([enums.hash.md5, enums.hash.ripemd, enums.hash.sha1]),
  rejectMessageHashAlgorithms: new Set([
    enums.hash.md5,
    enums.hash.ripemd,
    enums.hash.sha1,
    enums.hash.sha224,
  ]),
  passwordCollisionCheck: false,
  // Decryption is automatic and its time observable from afar.
  constantTimePKCS1Decryption: true,
  constantTimePKCS1DecryptionSupportedSymmetricAlgorithms: new Set([
    enums.symmetric.aes128,
    enums.symmetric.aes192,
    enums.symmetric.aes256,
  ]),
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  allowMissingKeyFlags: false,
  ignoreUnsupportedPackets: false,
  ignoreMalformedPackets: false,
  enforceGrammar: true,
  additionalAllowedPackets: [],
  s2kType: enums.s2k.iterated,
  s2kIterationCountByte: 224,
  s2kArgon2Params: { passes: 3, parallelism: 4, memoryExponent: 16 },
  // 2^17 KiB = 128 MiB; the library's default would be 1 TiB.
  maxArgon2MemoryExponent: 17,
  maxUserIDLength: 1024,
  maxDecompressedMessageSize: 64 * 1024 * 1024,
  knownNotations: [],
  // Fault protection for deterministic signatures; it shows that OpenPGP.js made them, which is no secret.
  nonDeterministicSignaturesViaNotation: true,
  useEllipticFallback: true,
  showVersion: false,
  showComment: false,
  versionString: "",
  commentString: "",
};

/** For certificates: unknown packets of a certificate are left out (what is critical, `certificate.ts` refuses before). */
export const certificateConfig: Readonly<Config> = Object.freeze({
  ...BASE,
  ignoreUnsupportedPackets: true,
});

/** For making a key of one profile: `modern` is v6 with SEIPDv2 in its features (RFC 9580 §5.2.3.32). */
export function generationConfig(profile: KeyProfile): Readonly<Config> {
  const isModern = profile === "modern";
  return Object.freeze({ ...BASE, v6Keys: isModern, aeadProtect: isModern, minRSABits: 3072 });
}

/** For locking an exported secret key: iterated S2K and usage 254, because GnuPG 2.2 reads neither Argon2 nor AEAD. */
export const exportConfig: Readonly<Config> = Object.freeze({
  ...BASE,
  aeadProtect: false,
  s2kType: enums.s2k.iterated,
});
