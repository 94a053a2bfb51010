/**
 * Cryptography and the reading of large mail in threads. It has two reasons. Mail and certificates of strangers may be
 * made to cost much: a thread ends when its time is over. And the event loop, which answers all clients, is not held
 * meanwhile. Flows do not know where the work is done: their functions have the same types as those that work in the
 * calling thread (`incoming/message-work.ts`, `openpgp/openpgp.ts`).
 *
 * A request goes to a thread as a plain value: octets that are large already stand in memory that all threads share
 * (`base/large-octets.ts`), secret keys go as copies that the thread wipes. Small messages are worked on in the calling
 * thread, because that takes less time than the way to another one. `thread-work.ts` lists what threads do,
 * `thread-pool.ts` says which job runs next, `crypto-worker.ts` runs in the thread.
 */
import { AppError, ProgramFault, TooCostly } from "../base/errors.ts";
import { octetsIn } from "../base/large-octets.ts";
import { messageWorkHere, type MessageWork } from "../incoming/message-work.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import type { CertificateWork } from "../openpgp/openpgp.ts";
import { noAnswers, type RememberedAnswers, remembering } from "../openpgp/remembered-work.ts";
import { type ClientProtection, clientProtection } from "../outgoing/already-protected.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import type { SignMessage } from "../outgoing/deferral/deferral.ts";
import type { EncryptMessage } from "../outgoing/deferral/encrypt-copies.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { copiesOf } from "./key-copies.ts";
import type { Outcome } from "./pooled-worker.ts";
import { type PoolFigures, type ThreadLimits, ThreadPool } from "./thread-pool.ts";
import type { WorkName, WorkRequest, WorkResult } from "./thread-work.ts";

export type Seal = SealMessage;
type OpenRequest = {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
};
export type Open = (request: OpenRequest) => Promise<Opened>;

export type CryptoPool = AsyncDisposable & {
  readonly seal: Seal;
  /** The two halves of `seal`. */
  readonly sign: SignMessage;
  readonly encrypt: EncryptMessage;
  readonly open: Open;
  readonly messageWork: MessageWork;
  /** The same for a user of ours, who waits for it. */
  readonly messageWorkForUsers: MessageWork;
  readonly certificateWork: CertificateWork;
  /** The same for a user of ours, who waits for it. */
  readonly certificateWorkForUsers: CertificateWork;
  readonly clientProtection: (message: Uint8Array) => Promise<ClientProtection>;
  readonly encryptAtRest: typeof encryptAtRest;
  readonly figures: () => PoolFigures;
};

/** Smaller messages are read at once: to send them to a thread takes longer. */
const SMALL_OCTETS = 128 * 1024;

/**
 * Starts with no worker; each is made when a job needs it. A job over its limits ends its worker: an opening is tried
 * once more and is then too costly for now (`TooCostly`), a sealing is temporary trouble. So is a worker that ends by
 * itself, and more than `waiting` jobs in the queue. An opening that a fault of the program ends is a `ProgramFault`:
 * what is damaged says so by its outcome, never by an exception.
 */
export function startCryptoPool(limits: Partial<ThreadLimits> = {}): CryptoPool {
  const pool = new ThreadPool(limits);
  const work = workOf(pool);
  const workForUsers = workOf(pool, true);
  const answers = noAnswers();
  const sealing = async <Name extends "seal" | "sign">(
    name: Name,
    request: WorkRequest<Name>,
    signer: UnlockedKey,
  ): Promise<Outcome> => {
    const keys = copiesOf([signer]);
    const outcome = await pool.run({ name, request, isUsers: true, keys, owners: [signer] });
    if (outcome.kind === "unsealable") throw new UnsealableMessage(outcome.why);
    return outcome;
  };
  return {
    seal: async ({ signer, ...request }) => valueOf<"seal">(await sealing("seal", request, signer)),
    sign: async ({ signer, ...request }) => valueOf<"sign">(await sealing("sign", request, signer)),
    encrypt: async (request) => workForUsers("encrypt", request),
    open: async ({ message, keys }) => {
      // A job is used up by its run: the copies of the keys go with it.
      const once = async () =>
        pool.run({ name: "open", request: message, keys: copiesOf(keys), owners: keys });
      const first = await once();
      const outcome = first.kind === "overrun" ? await once() : first;
      if (outcome.kind === "failed" && !outcome.temporary) {
        // A fault over there says nothing about the message.
        throw new ProgramFault(outcome.reason);
      }
      return valueOf<"open">(outcome);
    },
    messageWork: messageWorkIn(work),
    messageWorkForUsers: messageWorkIn(workForUsers),
    certificateWork: certificateWorkIn(work, answers),
    certificateWorkForUsers: certificateWorkIn(workForUsers, answers),
    clientProtection: async (message) =>
      message.length <= SMALL_OCTETS
        ? clientProtection(message)
        : valueOf<"clientProtection">(
            await pool.run({ name: "clientProtection", request: message, isUsers: true, keys: [] }),
          ),
    encryptAtRest: async (request) =>
      octetsIn(request.data) <= SMALL_OCTETS
        ? encryptAtRest(request)
        : work("encryptAtRest", request),
    figures: () => pool.figures,
    [Symbol.asyncDispose]: async () => pool[Symbol.asyncDispose](),
  };
}

/** Work in a thread. @throws TooCostly over its limits, ProgramFault for a fault of the program, AppError for its own. */
type Work = <Name extends WorkName>(
  name: Name,
  request: WorkRequest<Name>,
  keys?: readonly UnlockedKey[],
  isGiven?: boolean,
) => Promise<WorkResult<Name>>;

function workOf(pool: ThreadPool, isUsers = false): Work {
  return async <Name extends WorkName>(
    name: Name,
    request: WorkRequest<Name>,
    keys: readonly UnlockedKey[] = [],
    isGiven = false,
  ): Promise<WorkResult<Name>> => {
    const outcome = await pool.run({
      name,
      request,
      isGiven,
      isUsers,
      keys: copiesOf(keys),
      owners: keys,
    });
    return valueOf<Name>(outcome);
  };
}

/** Small messages are worked on here. */
function messageWorkIn(work: Work): MessageWork {
  const here = messageWorkHere;
  const isSmall = (value: unknown): boolean => octetsIn(value) <= SMALL_OCTETS;
  return {
    examine: async (message) =>
      isSmall(message) ? here.examine(message) : work("examine", message),
    holds: async (shown) => (isSmall(shown) ? here.holds(shown) : work("holds", shown)),
    outline: async (request) =>
      isSmall(request.message) ? here.outline(request) : work("outline", request),
    textTerms: async (shown) => (isSmall(shown) ? here.textTerms(shown) : work("textTerms", shown)),
    segmentOf: async (members) => work("segmentOf", members),
    bodyOfRow: async (o) => (isSmall(o.pieces) ? here.bodyOfRow(o) : work("bodyOfRow", o)),
    bodyForMailbox: async (o) => {
      if (isSmall(o.message)) return here.bodyForMailbox(o);
      const { keys, ...request } = o;
      return work("bodyForMailbox", request, keys);
    },
    receivedForm: async (o) => {
      if (isSmall(o.body)) return here.receivedForm(o);
      const { keys, ...request } = o;
      return work("receivedForm", request, keys, isWhole(o.body));
    },
    decrypt: async (o) =>
      isSmall(o.message) ? here.decrypt(o) : work("decrypt", o.message, o.keys, isWhole(o.message)),
  };
}

/** Whether there is nothing else in its memory, so that it can be given to another thread. */
function isWhole({ buffer, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
}

/** All of it in threads: how long a small certificate takes is for a stranger to choose. What was answered is kept here. */
function certificateWorkIn(work: Work, answers: RememberedAnswers): CertificateWork {
  const asked = {
    parseCertificates: async (input: Uint8Array) => work("parseCertificates", input),
    acceptLastingly: async (...given: WorkRequest<"acceptLastingly">) =>
      work("acceptLastingly", given),
    revocationsOf: async (certificate: Certificate) => work("revocationsOf", certificate),
    verifyBound: async (request: WorkRequest<"verifyBound">) => work("verifyBound", request),
  };
  return remembering(asked, answers);
}

/** What was asked for by `Name` is what was answered. */
function valueOf<Name extends WorkName>(outcome: Outcome): WorkResult<Name> {
  switch (outcome.kind) {
    case "done":
      return outcome.value as WorkResult<Name>;
    case "overrun":
      throw new TooCostly(outcome.reason);
    case "unsealable":
      throw new ProgramFault("the worker answered something else");
    case "failed": {
      const { reason, temporary, isFault } = outcome;
      throw isFault ? new ProgramFault(reason) : new AppError(reason, { temporary });
    }
  }
}
