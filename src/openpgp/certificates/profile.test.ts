import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, config as globalConfig, enums } from "openpgp";

import { messageConfig } from "../../../test/support/message-config.ts";
import { certificateConfig, exportConfig, generationConfig } from "./profile.ts";

const { hash, publicKey, curve } = enums;

/** What must not be loosened by accident or by an update, in the library's words. */
const REQUIRED: Partial<Config> = {
  maxDecompressedMessageSize: 64 * 1024 * 1024,
  maxArgon2MemoryExponent: 17,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  constantTimePKCS1Decryption: true,
  rejectHashAlgorithms: new Set([hash.md5, hash.ripemd, hash.sha1]),
  rejectMessageHashAlgorithms: new Set([hash.md5, hash.ripemd, hash.sha1, hash.sha224]),
  minRSABits: 2048,
  rejectPublicKeyAlgorithms: new Set([publicKey.elgamal, publicKey.dsa]),
  rejectCurves: new Set([curve.secp256k1]),
  ignoreUnsupportedPackets: false,
  ignoreMalformedPackets: false,
  allowMissingKeyFlags: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  enableParsingV5Entities: false,
  parseAEADEncryptedV4KeysAsLegacy: false,
  enforceGrammar: true,
  maxUserIDLength: 1024,
  aeadProtect: false,
  v6Keys: false,
  nonDeterministicSignaturesViaNotation: true,
  showVersion: false,
  showComment: false,
  preferredCompressionAlgorithm: enums.compression.uncompressed,
  preferredHashAlgorithm: hash.sha512,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  knownNotations: [],
  additionalAllowedPackets: [],
};

const EXPECTED: readonly (readonly [string, Readonly<Config>, Partial<Config>])[] = [
  ["messages", messageConfig, {}],
  ["certificates", certificateConfig, { ignoreUnsupportedPackets: true }],
  ["compat keys", generationConfig("compat"), { minRSABits: 3072 }],
  [
    "modern keys",
    generationConfig("modern"),
    { minRSABits: 3072, v6Keys: true, aeadProtect: true, preferredAEADAlgorithm: enums.aead.ocb },
  ],
  ["export", exportConfig, { s2kType: enums.s2k.iterated, s2kIterationCountByte: 224 }],
];

for (const [name, config, differences] of EXPECTED) {
  test(`the library's options for ${name} are what they must be, read back one by one`, () => {
    const options: Partial<Config> = { ...REQUIRED, ...differences };
    for (const [option, value] of Object.entries(options)) {
      assert.deepEqual(config[option as keyof Config], value, option);
    }
  });

  test(`no option for ${name} is left to the library's global object`, () => {
    assert.deepEqual(Object.keys(config).toSorted(), Object.keys(globalConfig).toSorted());
    assert.notEqual(config, globalConfig);
    assert(Object.isFrozen(config));
  });
}
