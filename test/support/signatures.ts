/** Detached signatures by the product's own code, which itself signs nothing but what it seals. */
import { armorKey } from "../../src/openpgp/packets/armor.ts";
import { startSigning } from "../../src/openpgp/keys/sign.ts";

/** A detached binary signature over `data`, one signature packet (RFC 9580 §10.4). @throws AppError as `startSigning` */
export async function signDetached({
  data,
  ...o
}: Parameters<typeof startSigning>[0] & { readonly data: Uint8Array }): Promise<Uint8Array> {
  const signing = startSigning(o);
  signing.update(data);
  return Promise.resolve(signing.finish());
}

/** A binary detached signature in ASCII armor, written as the product writes the armor of a key. */
export function armorSignature(bytes: Uint8Array): Uint8Array {
  const armored = Buffer.from(armorKey("PUBLIC", bytes)).toString("latin1");
  return Buffer.from(armored.replaceAll(" PUBLIC KEY BLOCK-", " SIGNATURE-"), "latin1");
}
