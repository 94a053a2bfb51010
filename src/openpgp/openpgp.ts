/**
 * OpenPGP (RFC 9580): certificates, secret keys and messages, as values and steps without input or output.
 *
 *     packets/        the octets: packets, armor, signatures, key material, ciphers; each kind of packet is a file
 *     certificates/   a primary key with its user IDs and subkeys; may we encrypt to it, may it sign, was it revoked
 *     keys/           our users' secret keys: generate, sign with them, extend, revoke
 *     messages/       encrypt, decrypt, verify whole messages
 *     imports/        secret keys that users bring from other programs
 *
 * A room uses only the rooms above it in this list. A certificate (a public key with its names) is data from strangers: its
 * bindings are believed only when their signatures hold (`certificates/self-signatures.ts`), and our own rules decide what it
 * may be used for (`certificates/acceptance.ts`). A message is decrypted whole or not at all: no octet of a message whose
 * integrity fails leaves `messages/decrypt.ts`.
 *
 * Mail is read and written by our own code on `node:crypto` (ADR 0002). OpenPGP.js generates and exports keys, and is the
 * oracle of the tests. This file names the work that a stranger's certificate causes.
 */
import { acceptForEncryption } from "./certificates/acceptance.ts";
import { parseCertificates } from "./certificates/certificate.ts";
import { revocationsOf } from "./certificates/signer.ts";
import { verifyBound } from "./messages/verify-bound.ts";

/**
 * What is done with certificates of strangers. How long it takes is for the stranger to choose, within our limits: a process
 * that answers the network has threads do it.
 */
export type CertificateWork = {
  readonly parseCertificates: typeof parseCertificates;
  readonly acceptForEncryption: typeof acceptForEncryption;
  readonly revocationsOf: typeof revocationsOf;
  readonly verifyBound: typeof verifyBound;
};

/** In this thread, where nobody else waits. */
export const certificateWorkHere: CertificateWork = {
  parseCertificates,
  acceptForEncryption,
  revocationsOf,
  verifyBound,
};
