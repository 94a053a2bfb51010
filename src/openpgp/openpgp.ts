import { acceptForEncryption } from "./certificates/acceptance.ts";
import { parseCertificates } from "./certificates/certificate.ts";
import { checkSigner, revocationsOf } from "./certificates/signer.ts";
import { verifySignature } from "./messages/verify.ts";

/**
 * What is done with certificates of strangers. How long it takes is for the stranger to choose, within our limits: a process
 * that answers the network has threads do it.
 */
export type CertificateWork = {
  readonly parseCertificates: typeof parseCertificates;
  readonly acceptForEncryption: typeof acceptForEncryption;
  readonly revocationsOf: typeof revocationsOf;
  readonly verifySignature: typeof verifySignature;
  readonly checkSigner: typeof checkSigner;
};

/** In this thread, where nobody else waits. */
export const certificateWorkHere: CertificateWork = {
  parseCertificates,
  acceptForEncryption,
  revocationsOf,
  verifySignature,
  checkSigner,
};
