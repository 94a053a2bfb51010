import { parseHeader } from "../mail/header.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { recipientOf } from "../openpgp/messages/container-choice.ts";
import { readdress as readdressMessage } from "../openpgp/messages/decrypt.ts";
import { detectProtection } from "./detect.ts";
import { container } from "./seal.ts";

/**
 * A sealed message for a reader with another key pair: the same ciphertext and the same header fields, and `recipient`
 * alone opens it. Undefined when the message is not sealed or none of the keys opens it.
 */
export async function readdress(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
  readonly recipient: Certificate;
  readonly now: Date;
}): Promise<Uint8Array | undefined> {
  const protection = detectProtection(o.message);
  if (protection.kind !== "sealed") return undefined;
  const recipient = recipientOf(o.recipient, o.now, true).key;
  const message = protection.ciphertext;
  const ciphertext = await readdressMessage({ message, keys: o.keys, recipient });
  if (ciphertext === undefined) return undefined;
  const { header } = parseHeader(o.message);
  const fields = header.filter(({ name }) => !/^(?:mime-version|content-.*)$/i.test(name));
  return container(fields, ciphertext);
}
