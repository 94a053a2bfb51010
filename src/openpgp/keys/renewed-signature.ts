import { AppError } from "../../base/errors.ts";
import { MINUTE, SECOND, after, toUnixSeconds } from "../../base/time.ts";
import { type KeySignature, readKeySignature, subpacketsOf } from "../packets/key-signature.ts";
import { secondsSubpacket, writeSubpackets } from "../packets/write-subpackets.ts";
import type { OwnKey } from "./own-keys.ts";
import { startSignature } from "./sign.ts";

/** Subpackets (RFC 9580 §5.2.3.7). */
const CREATED = 2;
const EXPIRES = 3;
const KEY_EXPIRES = 9;
const ISSUER_KEY_ID = 16;
const EMBEDDED = 32;
const ISSUER = 33;

const CHANGED: ReadonlySet<number> = new Set([CREATED, EXPIRES, KEY_EXPIRES]);
/** Of the area that is not signed, only what proves itself is worth keeping. */
const KEPT_UNHASHED: ReadonlySet<number> = new Set([ISSUER_KEY_ID, EMBEDDED, ISSUER]);

/**
 * A self-signature once more, by the same primary key over the same octets, with a new key expiration time: what else it
 * says, and the back-signature in it, stays. An expiration of the signature itself is dropped. It is dated a minute
 * back, for recipients whose clock is behind, but after the old one, so that it counts.
 */
export function renewSignature(o: {
  readonly signature: KeySignature;
  readonly primary: OwnKey;
  readonly signed: Uint8Array;
  /** When the key that the signature is about was made, and until when it is to count. */
  readonly keyCreated: Date;
  readonly keyExpires: Date;
  readonly now: Date;
}): KeySignature {
  const { signature } = o;
  const { hashed, unhashed } = subpacketsOf(signature);
  const created = latest(after(signature.created, SECOND), after(o.now, -MINUTE));
  const lifetime = toUnixSeconds(o.keyExpires) - toUnixSeconds(o.keyCreated);
  if (lifetime <= 0 || lifetime > 0xffff_ffff) {
    throw new AppError("a key cannot expire then", { temporary: false });
  }
  const started = startSignature({
    key: o.primary,
    type: signature.type,
    hashed: writeSubpackets([
      secondsSubpacket(CREATED, toUnixSeconds(created)),
      ...hashed.filter(({ type }) => !CHANGED.has(type)),
      secondsSubpacket(KEY_EXPIRES, lifetime),
    ]),
    unhashed: writeSubpackets(unhashed.filter(({ type }) => KEPT_UNHASHED.has(type))),
  });
  started.update(o.signed);
  const renewed = readKeySignature(started.finish());
  if (renewed === undefined) throw new AppError("a signature cannot be read", { temporary: false });
  return renewed;
}

function latest(a: Date, b: Date): Date {
  return a > b ? a : b;
}
