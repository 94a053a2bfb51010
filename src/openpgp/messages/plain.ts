/**
 * What an encrypted message holds: a literal packet, with a signature around it or without one (RFC 9580 §10.3). A message
 * that is encrypted now is signed while it is encrypted. One that waits for its recipients' keys is signed first, and kept.
 */
import { asBuffer } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { newOctets, type Octets, octetsIn, octetStringsIn } from "../../base/large-octets.ts";
import { eachSlice } from "../../base/slices.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { type Signing, startSigning } from "../keys/sign.ts";
import { bigEndian } from "../packets/cursor.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { PACKET, packetHeader } from "../packets/packet.ts";

/** Maximum octets that are encrypted: `decrypt.ts` reads as many back, with the packets around them. */
export const MAX_CLEAR_OCTETS = 50 * 1024 * 1024;

/** The packets to be encrypted. `write` gives them piece by piece, at most `maxOctets` octets in all. */
export type Plain = {
  readonly maxOctets: number;
  readonly write: (to: (piece: Uint8Array) => void) => Promise<void>;
};

/** A literal packet with this data, signed where `signing` was started. @throws AppError for more than 50 MiB */
export function literal(data: Octets, signing: Signing | undefined): Plain {
  const octets = octetsIn(data);
  if (octets > MAX_CLEAR_OCTETS) throw tooMuch();
  const before = Buffer.concat([
    signing?.onePassPacket ?? Buffer.alloc(0),
    packetHeader(PACKET.literal, LITERAL_HEAD.length + octets),
    LITERAL_HEAD,
  ]);
  return {
    maxOctets: before.length + octets + MAX_SIGNATURE_OCTETS,
    write: async (to) => {
      to(before);
      for (const part of octetStringsIn(data)) {
        await eachSlice(part, (slice) => {
          signing?.update(slice);
          to(slice);
        });
      }
      if (signing !== undefined) to(signing.finish());
    },
  };
}

/** The packets of a message that was signed before. @throws AppError for more than `signMessage` makes */
export function signedAlready(signed: Uint8Array): Plain {
  if (signed.length > MAX_CLEAR_OCTETS + AROUND_OCTETS) throw tooMuch();
  return { maxOctets: signed.length, write: async (to) => eachSlice(signed, to) };
}

/**
 * A signed message that is not encrypted: one-pass signature, literal packet, signature. It names no intended recipient,
 * because the keys of its recipients are not known yet.
 * @throws AppError when the signer may not sign, or for more than 50 MiB
 */
export async function signMessage(o: {
  readonly data: Octets;
  readonly signer: UnlockedKey;
  readonly now: Date;
}): Promise<Uint8Array> {
  const intended: readonly Fingerprint[] = [];
  const { maxOctets, write } = literal(o.data, startSigning({ ...o, intended }));
  const output = asBuffer(newOctets(maxOctets));
  let at = 0;
  await write((piece) => {
    output.set(piece, at);
    at += piece.length;
  });
  return output.subarray(0, at);
}

/** @returns the error that says that a message is too large */
export function tooMuch(): AppError {
  return new AppError("too much for one OpenPGP message", { temporary: false });
}

/** Format binary, no file name, no date: they would not be signed (RFC 9580 §5.9). */
const LITERAL_HEAD = Buffer.concat([Buffer.from("b", "latin1"), Buffer.of(0), bigEndian(0, 4)]);
/** RSA with 8192 bits and 200 intended recipients of v6 take less. */
const MAX_SIGNATURE_OCTETS = 16 * 1024;
/** The signature, and the headers of the packets. */
const AROUND_OCTETS = MAX_SIGNATURE_OCTETS + 1024;
