/**
 * Signs and encrypts messages, in packets of our own on `node:crypto`: all mail goes through them, and OpenPGP.js is slow at it
 * (ADR 0002). `decrypt.ts` opens messages, `verify.ts` checks their signatures.
 */
import { asBuffer } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { newOctets, type Octets, octetsIn, octetStringsIn } from "../../base/large-octets.ts";
import { eachSlice } from "../../base/slices.ts";
import type { Certificate } from "../certificates/certificate.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { type Signing, startSigning } from "../keys/sign.ts";
import { bigEndian } from "../packets/cursor.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { LONG_HEADER_OCTETS, PACKET, longPacketHeader, packetHeader } from "../packets/packet.ts";
import { type ContainerWriter, overheadOf, startV1, startV2 } from "../packets/seipd.ts";
import { type SessionKey, newSessionKey } from "../packets/session-key.ts";
import { type ContainerChoice, chooseContainer, recipientOf } from "./container-choice.ts";
import { writePkesk } from "./pkesk.ts";

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
  return encrypt(o, startSigning(o));
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
  return encrypt(o, undefined);
}

/** Maximum octets that are encrypted: `decrypt.ts` reads as many back, with the packets around them. */
export const MAX_CLEAR_OCTETS = 50 * 1024 * 1024;
const MAX_RECIPIENTS = 64;

async function encrypt(
  o: {
    readonly data: Octets;
    readonly recipients: readonly Certificate[];
    readonly now: Date;
    readonly isOwn?: boolean;
  },
  signing: Signing | undefined,
): Promise<Uint8Array> {
  checkLimits(o.data, o.recipients);
  const recipients = o.recipients.map((certificate) => recipientOf(certificate, o.now, o.isOwn));
  const choice = chooseContainer(recipients);
  const sessionKey = newSessionKey(choice.cipher);
  try {
    const version = choice.version === 1 ? 3 : 6;
    const pkesks = recipients.map(({ key }) => writePkesk(version, key, sessionKey));
    return await assemble(Buffer.concat(pkesks), { choice, sessionKey, signing, data: o.data });
  } finally {
    sessionKey.bytes.fill(0);
  }
}

function checkLimits(data: Octets, recipients: readonly Certificate[]): void {
  if (recipients.length === 0) throw new AppError("nobody to encrypt to", { temporary: false });
  if (recipients.length > MAX_RECIPIENTS || octetsIn(data) > MAX_CLEAR_OCTETS) {
    throw new AppError("too much for one OpenPGP message", { temporary: false });
  }
}

/** One buffer for the whole message: the container's header is written last, when its size is known. */
async function assemble(
  head: Buffer,
  o: {
    readonly choice: ContainerChoice;
    readonly sessionKey: SessionKey;
    readonly signing: Signing | undefined;
    readonly data: Octets;
  },
): Promise<Uint8Array> {
  const { signing } = o;
  const octets = octetsIn(o.data);
  const before = Buffer.concat([
    signing?.onePassPacket ?? Buffer.alloc(0),
    packetHeader(PACKET.literal, LITERAL_HEAD.length + octets),
    LITERAL_HEAD,
  ]);
  const plainOctets = before.length + octets + MAX_SIGNATURE_OCTETS;
  const start = head.length + LONG_HEADER_OCTETS;
  const output = asBuffer(newOctets(start + plainOctets + overheadOf(plainOctets)));
  const container = startContainer(output.subarray(start), o.choice, o.sessionKey);
  container.write(before);
  for (const data of octetStringsIn(o.data)) {
    await eachSlice(data, (slice) => {
      signing?.update(slice);
      container.write(slice);
    });
  }
  if (signing !== undefined) container.write(signing.finish());
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

/** Format binary, no file name, no date: they would not be signed (RFC 9580 §5.9). */
const LITERAL_HEAD = Buffer.concat([Buffer.from("b", "latin1"), Buffer.of(0), bigEndian(0, 4)]);
/** RSA with 8192 bits and 200 intended recipients of v6 take less. */
const MAX_SIGNATURE_OCTETS = 16 * 1024;
