import { createCipheriv } from "node:crypto";

import { equalBytes } from "../../base/bytes.ts";
import { Damaged } from "./damaged.ts";

const BLOCK = 16;

/**
 * Opens AES in EAX mode (RFC 9580 §9.6), which OpenSSL lacks: CTR under a nonce that is authenticated with the rest by
 * CMAC. For what others send; we never write it. @throws Damaged when it is not authentic
 */
export function decryptEax(o: {
  readonly key: Buffer;
  readonly nonce: Buffer;
  readonly associated: Buffer;
  readonly encrypted: Buffer;
  readonly tag: Buffer;
}): Buffer {
  const [nonce, associated, encrypted] = [o.nonce, o.associated, o.encrypted].map((bytes, index) =>
    tweakedMac(o.key, index, bytes),
  );
  if (nonce === undefined || associated === undefined || encrypted === undefined) {
    throw new Damaged("an incomplete chunk");
  }
  if (!equalBytes(xor(xor(nonce, associated), encrypted), o.tag)) {
    throw new Damaged("a chunk that is not authentic");
  }
  const ctr = createCipheriv(`aes-${o.key.length * 8}-ctr`, o.key, nonce);
  return Buffer.concat([ctr.update(o.encrypted), ctr.final()]);
}

/** CMAC of a number in a block of its own and the bytes after it. */
function tweakedMac(key: Buffer, tweak: number, bytes: Buffer): Buffer {
  const message = Buffer.concat([Buffer.alloc(BLOCK), bytes]);
  message[BLOCK - 1] = tweak;
  const whole = message.length % BLOCK === 0;
  const zero = encryptBlock(key, Buffer.alloc(BLOCK));
  const subkey = whole ? doubled(zero) : doubled(doubled(zero));
  const lastStart = message.length - (whole ? BLOCK : message.length % BLOCK);
  const last = Buffer.alloc(BLOCK);
  message.copy(last, 0, lastStart);
  if (!whole) last[message.length - lastStart] = 0x80;
  const cbc = createCipheriv(`aes-${key.length * 8}-cbc`, key, Buffer.alloc(BLOCK));
  cbc.setAutoPadding(false);
  cbc.update(message.subarray(0, lastStart));
  return cbc.update(xor(last, subkey));
}

function encryptBlock(key: Buffer, block: Buffer): Buffer {
  const ecb = createCipheriv(`aes-${key.length * 8}-ecb`, key, null);
  return ecb.update(block);
}

/** Multiplication by x in GF(2^128). */
function doubled(block: Buffer): Buffer {
  const product = Buffer.alloc(BLOCK);
  const carry = (block[0] ?? 0) >> 7;
  for (const [index, octet] of block.entries()) {
    product[index] = (octet << 1) | ((block[index + 1] ?? 0) >> 7);
  }
  product[BLOCK - 1] = (product[BLOCK - 1] ?? 0) ^ (carry * 0x87);
  return product;
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, index) => octet ^ (b[index] ?? 0)));
}
