import { createHash, randomBytes } from "node:crypto";

import { Secret } from "../base/secret.ts";

/** A recovery code: `text` is shown once and printed by its owner, `secret` opens the slot. */
export type RecoveryCode = { readonly text: string; readonly secret: Secret };

/** What reading a code came to: `mistyped` is found without trying it. */
export type ReadRecoveryCode =
  | { readonly kind: "read"; readonly secret: Secret }
  | { readonly kind: "mistyped" };

const CODE_BYTES = 20;
const CHECK_DIGITS = 4;
const GROUP = 4;
const BITS = 5;
/** Crockford's digits: no I, L, O or U. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 160 random bits as nine groups of four digits, the last of which finds mistakes. */
export function newRecoveryCode(): RecoveryCode {
  const bytes = randomBytes(CODE_BYTES);
  const digits = encode(bytes) + checkDigits(bytes);
  const groups = digits.match(new RegExp(`.{${String(GROUP)}}`, "g")) ?? [];
  return { text: groups.join("-"), secret: new Secret(bytes) };
}

/** Reads a code as people type it: any case, blanks and hyphens anywhere, O for 0, I or L for 1. */
export function readRecoveryCode(text: string): ReadRecoveryCode {
  const digits = text
    .toUpperCase()
    .replaceAll(/[\s-]/g, "")
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
  const body = digits.slice(0, -CHECK_DIGITS);
  if (body.length !== (CODE_BYTES * 8) / BITS) return { kind: "mistyped" };
  const bytes = decode(body);
  if (bytes === undefined || checkDigits(bytes) !== digits.slice(-CHECK_DIGITS)) {
    return { kind: "mistyped" };
  }
  return { kind: "read", secret: new Secret(bytes) };
}

function checkDigits(bytes: Uint8Array): string {
  return encode(createHash("sha256").update(bytes).digest()).slice(0, CHECK_DIGITS);
}

function encode(bytes: Uint8Array): string {
  const bits = [...bytes].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(new RegExp(`.{${String(BITS)}}`, "g")) ?? [];
  return groups.map((group) => DIGITS[Number.parseInt(group, 2)]).join("");
}

function decode(digits: string): Uint8Array | undefined {
  const values = digits.split("").map((digit) => DIGITS.indexOf(digit));
  if (values.includes(-1)) return undefined;
  const bits = values.map((value) => value.toString(2).padStart(BITS, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2));
}
