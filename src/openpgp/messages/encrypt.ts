/**
 * Signs and encrypts messages, in packets of our own on `node:crypto`: all mail goes through them, and OpenPGP.js is slow at it
 * (ADR 0002). `decrypt.ts` opens messages, `verify.ts` checks their signatures.
 */
import { asBuffer } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { newOctets, type Octets } from "../../base/large-octets.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { startSigning } from "../keys/sign.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { LONG_HEADER_OCTETS, PACKET, longPacketHeader } from "../packets/packet.ts";
import { type ContainerWriter, overheadOf, startV1, startV2 } from "../packets/seipd.ts";
import { type SessionKey, newSessionKey } from "../packets/session-key.ts";
import { type ContainerChoice, chooseContainer, recipientOf } from "./container-choice.ts";
import { writePkesk } from "./pkesk.ts";
import { literal, type Plain, signedAlready, tooMuch } from "./plain.ts";

/**
 * Signs and encrypts: a binary OpenPGP message. `recipients` are accepted and reduced (`acceptForEncryption`); `intended` goes
 * into the signature, one subpacket each (RFC 9580 §5.2.3.36). The container follows what all recipients read.
 * @throws AppError when the signer may not sign or a recipient has no encryption key
 */
export async function signAndEncrypt(o: {
  readonly data: Uint8Array;
  readonly signer: UnlockedKey;
  readonly recipients: readonly Certificate[];
  readonly intended: readonly Fingerprint[];
  readonly now: Date;
}): Promise<Uint8Array> {
  return encrypt(o, literal(o.data, startSigning(o)));
}

/**
 * Encrypts what `signMessage` signed before; otherwise as `signAndEncrypt`.
 * @throws AppError when a recipient has no encryption key
 */
export async function encryptSigned(o: {
  readonly signed: Uint8Array;
  readonly recipients: readonly Certificate[];
  readonly now: Date;
}): Promise<Uint8Array> {
  return encrypt(o, signedAlready(o.signed));
}

/**
 * Encrypts without a signature, for the mailbox at rest and the queue; mail that leaves is always signed. `isOwn`: to the
 * owner's keys, and where they have come to an end, to those all the same: better than no mail, or mail in clear.
 */
export async function encryptAtRest(o: {
  readonly data: Octets;
  readonly recipients: readonly Certificate[];
  readonly now: Date;
  readonly isOwn?: boolean;
}): Promise<Uint8Array> {
  return encrypt(o, literal(o.data, undefined));
}

const MAX_RECIPIENTS = 64;

async function encrypt(
  o: {
    readonly recipients: readonly Certificate[];
    readonly now: Date;
    readonly isOwn?: boolean;
  },
  plain: Plain,
): Promise<Uint8Array> {
  if (o.recipients.length === 0) throw new AppError("nobody to encrypt to", { temporary: false });
  if (o.recipients.length > MAX_RECIPIENTS) throw tooMuch();
  const recipients = o.recipients.map((certificate) => recipientOf(certificate, o.now, o.isOwn));
  const choice = chooseContainer(recipients);
  const sessionKey = newSessionKey(choice.cipher);
  try {
    const version = choice.version === 1 ? 3 : 6;
    const pkesks = recipients.map(({ key }) => writePkesk(version, key, sessionKey));
    return await assemble(Buffer.concat(pkesks), { choice, sessionKey, plain });
  } finally {
    sessionKey.bytes.fill(0);
  }
}

/** One buffer for the whole message: the container's header is written last, when its size is known. */
async function assemble(
  head: Buffer,
  o: {
    readonly choice: ContainerChoice;
    readonly sessionKey: SessionKey;
    readonly plain: Plain;
  },
): Promise<Uint8Array> {
  const { maxOctets, write } = o.plain;
  const start = head.length + LONG_HEADER_OCTETS;
  const output = asBuffer(newOctets(start + maxOctets + overheadOf(maxOctets)));
  const container = startContainer(output.subarray(start), o.choice, o.sessionKey);
  await write((piece) => {
    container.write(piece);
  });
  const sealed = container.end();
  head.copy(output);
  longPacketHeader(PACKET.encrypted, sealed).copy(output, head.length);
  return output.subarray(0, start + sealed);
}

function startContainer(
  output: Buffer,
  choice: ContainerChoice,
  sessionKey: SessionKey,
): ContainerWriter {
  return choice.version === 1
    ? startV1(output, sessionKey)
    : startV2(output, choice.aead, sessionKey);
}
