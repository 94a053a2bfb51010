/**
 * What the threads of the crypto pool do, by name: each takes a request and the keys that go with it. Requests and results
 * travel between threads, so they are made of plain values.
 */
import { ProgramFault } from "../base/errors.ts";
import { messageWorkHere } from "../incoming/message-work.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { certificateWorkHere } from "../openpgp/openpgp.ts";
import { acceptLastingly } from "../openpgp/remembered-work.ts";
import { clientProtection } from "../outgoing/already-protected.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import type { SignMessage } from "../outgoing/deferral/deferral.ts";
import type { EncryptMessage } from "../outgoing/deferral/encrypt-copies.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { encrypt, seal, sign } from "../pgpmime/seal.ts";

type Keys = readonly UnlockedKey[];
type Without<Request, Name extends PropertyKey> = Omit<Request, Name>;
type MessageWork = typeof messageWorkHere;
type First<Work extends (...given: never[]) => unknown> = Parameters<Work>[0];

const { receivedForm, bodyForMailbox, decrypt } = messageWorkHere;

export const THREAD_WORK = {
  seal: async (request: Without<First<SealMessage>, "signer">, [signer]: Keys) => {
    if (signer === undefined) throw new ProgramFault("sealing without a key");
    return seal({ ...request, signer });
  },
  sign: async (request: Without<First<SignMessage>, "signer">, [signer]: Keys) => {
    if (signer === undefined) throw new ProgramFault("signing without a key");
    return sign({ ...request, signer });
  },
  encrypt: async (request: First<EncryptMessage>) => encrypt(request),
  open: async (message: Uint8Array, keys: Keys) => open({ message, keys }),
  decrypt: async (message: Uint8Array, keys: Keys) => decrypt({ message, keys }),
  receivedForm: async (stored: Without<First<MessageWork["receivedForm"]>, "keys">, keys: Keys) =>
    receivedForm({ ...stored, keys }),
  bodyForMailbox: async (
    request: Without<First<MessageWork["bodyForMailbox"]>, "keys">,
    keys: Keys,
  ) => bodyForMailbox({ ...request, keys }),
  examine: messageWorkHere.examine,
  holds: messageWorkHere.holds,
  outline: messageWorkHere.outline,
  textTerms: messageWorkHere.textTerms,
  segmentOf: messageWorkHere.segmentOf,
  bodyOfRow: messageWorkHere.bodyOfRow,
  clientProtection: async (message: Uint8Array) => Promise.resolve(clientProtection(message)),
  encryptAtRest,
  parseCertificates: certificateWorkHere.parseCertificates,
  acceptLastingly: async (given: Parameters<typeof acceptLastingly>) => acceptLastingly(...given),
  revocationsOf: certificateWorkHere.revocationsOf,
  verifyBound: certificateWorkHere.verifyBound,
};

type Work = typeof THREAD_WORK;
export type WorkName = keyof Work;
export type WorkRequest<Name extends WorkName> = Parameters<Work[Name]>[0];
export type WorkResult<Name extends WorkName> = Awaited<ReturnType<Work[Name]>>;
