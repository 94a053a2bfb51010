/** Work on mail and on certificates: in threads and, for a message that ended those, in a process of its own. */
import { certificateWorkHere, type CertificateWork } from "../openpgp/openpgp.ts";
import { startCryptoPool, type CryptoPool, type Open } from "./crypto-pool.ts";
import { openingAlone } from "./open-alone.ts";

export type Crypto = AsyncDisposable & {
  readonly pool: CryptoPool;
  /** Opens one message where it can end nobody else. */
  readonly openAlone: Open;
  readonly certificateWork: CertificateWork;
  /** The same for a user of ours, who waits for it. */
  readonly workForUsers: CertificateWork;
};

/**
 * Starts no thread before there is work. `isServing`: others wait meanwhile, so that certificates are worked on in threads,
 * too; a command that ends works on them itself, because a thread takes its time to start.
 */
export function openCrypto({ isServing }: { readonly isServing: boolean }): Crypto {
  const pool = startCryptoPool();
  return {
    pool,
    openAlone: openingAlone(),
    certificateWork: isServing ? pool.certificateWork : certificateWorkHere,
    workForUsers: isServing ? pool.certificateWorkForUsers : certificateWorkHere,
    [Symbol.asyncDispose]: async () => pool[Symbol.asyncDispose](),
  };
}
