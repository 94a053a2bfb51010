import { setImmediate } from "node:timers/promises";

import { asBuffer } from "../../base/bytes.ts";
import { passphraseForms } from "../../base/opaque-string.ts";
import type { Secret } from "../../base/secret.ts";
import type { ImportRefusal } from "../certificates/import-refusal.ts";
import { readPublicPart } from "../packets/native-key.ts";
import { isCostly } from "../packets/s2k.ts";
import { clearBody, type LockedSecret, unlockSecret } from "./locked-secret.ts";
import type { KeptKey } from "./normalised-key.ts";
import { hasSecretForm } from "./secret-fit.ts";

/** The bodies of secret key packets that are not locked, wiped on dispose. */
export type UnlockedSecrets = Disposable & {
  readonly bodyFor: (publicBody: Uint8Array) => Uint8Array | undefined;
};

/** A longer one is none, and would make each octet of a count longer. */
const MAX_PASSPHRASE_OCTETS = 1024;

/**
 * Opens all keys of one file with one passphrase, in whichever of its forms it locked each. Secrets that do not have the form
 * of their public part, or of RSA not its numbers, are `mismatched-parts`; whether they belong to it is still to be proven.
 */
export async function unlockAll(
  keys: readonly KeptKey[],
  passphrase: Secret | undefined,
): Promise<UnlockedSecrets | ImportRefusal> {
  const locked = keys.flatMap(({ part }) => (part.kind === "locked" ? [part] : []));
  if (isCostly(locked)) return "costly-protection";
  if (locked.length > 0 && passphrase === undefined) return "passphrase-needed";
  const bodies = new Map<string, Uint8Array>();
  const wipe = (): void => {
    for (const body of bodies.values()) body.fill(0);
  };
  const forms = locked.length === 0 ? [] : formsOf(passphrase);
  using _ = { [Symbol.dispose]: () => forms.forEach((form) => form.fill(0)) };
  for (const key of keys) {
    const body = await clearBodyOf(key, forms);
    if (typeof body === "string") {
      wipe();
      return body;
    }
    bodies.set(hex(key.publicBody), body);
    // The numbers of a long RSA key take a while, and there may be many.
    await setImmediate();
  }
  return { bodyFor: (publicBody) => bodies.get(hex(publicBody)), [Symbol.dispose]: wipe };
}

async function clearBodyOf(
  { publicBody, material, tag, part }: KeptKey,
  forms: Uint8Array[],
): Promise<Uint8Array | ImportRefusal> {
  const secret =
    part.kind === "clear" ? part.secret : await unlockWith(part, forms, { tag, publicBody });
  if (secret === undefined) return "wrong-passphrase";
  const hasForm = hasSecretForm(readPublicPart(publicBody), secret, material.algorithm.id);
  const body = hasForm ? clearBody(publicBody, secret) : "mismatched-parts";
  // What lies unlocked in the upload itself is the caller's.
  if (part.kind === "locked") secret.fill(0);
  return body;
}

/** None where it is longer than a passphrase may be. */
function formsOf(passphrase: Secret | undefined): Uint8Array[] {
  const octets = passphrase?.reveal() ?? new Uint8Array();
  return octets.length > MAX_PASSPHRASE_OCTETS ? [] : [...passphraseForms(octets)];
}

/** The form that opens comes first for the keys that follow, which were mostly locked by the same program. */
async function unlockWith(
  part: LockedSecret,
  forms: Uint8Array[],
  packet: { readonly tag: number; readonly publicBody: Uint8Array },
): Promise<Buffer | undefined> {
  for (const [index, form] of forms.entries()) {
    const secret = await unlockSecret(part, form, packet);
    if (secret === undefined) continue;
    forms.splice(index, 1);
    forms.unshift(form);
    return secret;
  }
  return undefined;
}

const hex = (bytes: Uint8Array): string => asBuffer(bytes).toString("hex");
